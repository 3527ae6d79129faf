// Bolt for JavaScript that acknowledges every command and keeps nothing. Not here: any work.
import bolt from '@slack/bolt';

const app = new bolt.App({
  signingSecret: process.env.SLACK_SIGNING_SECRET,
  endpoints: '/slack/commands',
  // Who the bot is, without asking Slack: nothing but the acknowledgement is measured.
  authorize: async () => ({ botToken: process.env.SLACK_BOT_TOKEN, botId: 'B0BOT', botUserId: 'U0BOT' }),
  logLevel: bolt.LogLevel.ERROR,
});
app.command(/.*/, async ({ ack }) => ack());
await app.start({ port: Number(process.env.PORT), host: '127.0.0.1' });
