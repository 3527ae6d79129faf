// Walks through the demo as people do: deploy, ask for approval, be refused, fail, roll back. Finds everything by
// role and name, waits for states, never for time. Run: node walk.mjs http://127.0.0.1:8080
// Not here: what the rules are; the tests of the program know those.

import { chromium } from "playwright-core";
import { contrastTroubles, namelessControls } from "./look.mjs";

const base = process.argv[2];
if (!base) {
  console.error("Say which demo to walk through: node walk.mjs http://127.0.0.1:8080");
  process.exit(2);
}
const PATIENCE = Number(process.env.PATIENCE_MS ?? 60_000);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

let passed = 0;
const failures = [];
const complaints = [];

async function open(options = {}, path = "/") {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  const answer = await page.goto(new URL(path, base).href);
  expect(answer?.ok(), `the page answered ${answer?.status()}`);
  await live(page);
  return page;
}

// The page listens for news from now on.
const live = (page) => page.locator("body[data-live]").waitFor();

function expect(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

async function step(name, act) {
  try {
    await act();
    passed += 1;
    console.log(`ok      ${name}`);
    return true;
  } catch (error) {
    failures.push(name);
    console.log(`FAILED  ${name}\n        ${String(error.message).split("\n").slice(0, 6).join("\n        ")}`);
    return false;
  }
}

let storyStands = true;
// One step of a story needs those before it: where one fails, the rest would only wait in vain.
async function then(name, act) {
  if (storyStands) storyStands = await step(name, act);
  else await step(name, () => expect(false, "not reached: an earlier step of the story failed"));
}

// --- What people do.

async function become(page, name) {
  const person = page.getByRole("group", { name: "You are" }).getByRole("radio", { name: new RegExp(`^${name}`) });
  if (await person.isChecked()) return;
  const account = await person.getAttribute("value");
  await person.click();
  await page.locator(`body[data-live][data-as="${account}"]`).waitFor();
  const chosen = page.getByRole("group", { name: "You are" }).getByRole("radio", { checked: true });
  expect(await chosen.count(), `nobody is chosen after becoming ${name}`);
}

async function say(page, text) {
  const box = page.getByRole("textbox", { name: "Message" });
  await box.fill(text);
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("article").getByText(text, { exact: true }).last().waitFor();
}

const card = (page, title) => page.getByRole("region", { name: title }).last();
const site = (page, environment) => page.getByRole("region", { name: `${environment} site` });
const serves = (page, environment, version) => site(page, environment).getByText(version, { exact: true }).waitFor();

async function press(page, place, name) {
  await place.getByRole("button", { name, exact: true }).click();
  const question = page.getByRole("alertdialog");
  // A button with a question opens it at once, in the same turn as the click.
  if (await question.isVisible()) await question.getByRole("button", { name, exact: true }).click();
}

async function approve(page, title) {
  await become(page, "Grace");
  await press(page, card(page, title), "Approve");
}

/** How many articles there are, so that a new one can be told from old ones. */
const articles = (page) => page.getByRole("article").count();

async function answeredAfter(page, count, text) {
  const fresh = page.getByRole("article").filter({ hasText: text });
  await page.waitForFunction((n) => document.querySelectorAll("article").length > n, count);
  await fresh.last().waitFor();
}

// --- The walk.

const page = await open();

await step("the sites show what they serve before anything happens", async () => {
  await serves(page, "staging", "v1.2.3");
  await serves(page, "production", "v1.2.1");
});

await step("a command can be completed from the keyboard alone", async () => {
  const box = page.getByRole("textbox", { name: "Message" });
  await box.pressSequentially("/dep");
  await page.getByRole("option", { name: /^\/deploy/ }).first().waitFor();
  await box.press("ArrowDown");
  await box.press("Tab");
  expect((await box.inputValue()).startsWith("/deploy"), `the box says “${await box.inputValue()}”`);
  await box.fill("");
});

await then("Ada deploys v1.2.2 to staging and the site changes", async () => {
  await become(page, "Ada");
  await say(page, "/deploy staging v1.2.2 --older \"to show it\"");
  await card(page, /v1\.2\.2 → staging/).waitFor();
  await serves(page, "staging", "v1.2.2");
});

const toProduction = /v1\.2\.3 → production/;
await then("production waits for an approval, and Ada's own does not count", async () => {
  await say(page, "/deploy production v1.2.3");
  const approvals = card(page, toProduction).getByRole("listitem").filter({ hasText: "Approvals" });
  await approvals.filter({ hasText: "waiting" }).waitFor();
  const before = await articles(page);
  await press(page, card(page, toProduction), "Approve");
  await answeredAfter(page, before, "Only you can see this");
  await serves(page, "production", "v1.2.1");
});

await then("Grace approves, the deploy runs, production serves v1.2.3", async () => {
  await approve(page, toProduction);
  await card(page, toProduction).getByRole("list", { name: /Stages/ }).waitFor();
  await serves(page, "production", "v1.2.3");
  await page.getByRole("article").filter({ hasText: /production now runs/ }).last().waitFor();
});

await then("what facts do not answer on the checklist is ticked by people, for everybody", async () => {
  await card(page, toProduction).getByRole("listitem").filter({ hasText: "Production serves it" }).filter({ hasText: "ticked" }).waitFor();
  await card(page, toProduction).getByRole("checkbox", { name: /The menu looks right/ }).click();
  const ticked = { name: /The menu looks right.*grace/, checked: true };
  await card(page, toProduction).getByRole("checkbox", ticked).waitFor();
  const other = await open();
  await card(other, toProduction).getByRole("checkbox", ticked).waitFor();
  await other.context().close();
});

for (const [preset, gate] of [
  [/^Friday 15:00/, "Schedule"],
  [/freeze/i, "Freeze"],
]) {
  await then(`a deploy is refused by the gate ${gate} once the clock says so`, async () => {
    await become(page, "Ada");
    const clock = page.getByRole("region", { name: "Clock" });
    const time = await clock.locator(".moment").textContent();
    await clock.getByRole("button", { name: preset }).first().click();
    await page.waitForFunction((old) => document.querySelector(".moment")?.textContent !== old, time);
    await say(page, "/deploy production v1.2.2 --older \"to show it\"");
    const gates = card(page, /v1\.2\.2 → production/).getByRole("listitem");
    await gates.filter({ hasText: new RegExp(`^${gate}\\s*closed`) }).waitFor();
    await serves(page, "production", "v1.2.3");
  });
}

await then("the clock can be reset", async () => {
  const clock = page.getByRole("region", { name: "Clock" });
  const time = await clock.locator(".moment").textContent();
  await clock.getByRole("button", { name: "On to a quiet Tuesday" }).click();
  await page.waitForFunction((old) => document.querySelector(".moment")?.textContent !== old, time);
});

const broken = /v1\.3\.0 → production/;
await then("v1.3.0 fails on production, and the card shows where and what to do", async () => {
  await say(page, "/deploy staging v1.3.0");
  await serves(page, "staging", "v1.3.0");
  await page.getByRole("article").filter({ hasText: /staging now runs/ }).last().waitFor();
  await say(page, "/deploy production v1.3.0");
  await card(page, broken).getByRole("button", { name: "Approve", exact: true }).waitFor();
  await approve(page, broken);
  await card(page, broken).getByRole("button", { name: "Roll back", exact: true }).waitFor();
  await card(page, broken).getByRole("listitem").filter({ hasText: /Verify/ }).filter({ hasText: "failed" }).waitFor();
  await card(page, broken).getByRole("group", { name: "Last lines of the log" }).waitFor();
});

await then("Roll back brings v1.2.3 back to production", async () => {
  const rollback = /Rollback .*v1\.2\.3 → production/;
  await become(page, "Grace");
  await press(page, card(page, broken), "Roll back");
  await card(page, rollback).waitFor();
  const done = page.getByRole("article").filter({ hasText: /production rolled back to/ }).last();
  const asks = card(page, rollback).getByRole("button", { name: "Approve", exact: true });
  await done.or(asks).first().waitFor();
  // Where a rollback needs a yes of its own, it is somebody else's.
  if (await asks.isVisible()) {
    await become(page, "Ada");
    await press(page, card(page, rollback), "Approve");
  }
  await done.waitFor();
  await serves(page, "production", "v1.2.3");
});

await then("a second page that opens later shows the same", async () => {
  const other = await open();
  await card(other, broken).waitFor();
  await serves(other, "production", "v1.2.3");
  await other.context().close();
});

await step("hostile words stay words", async () => {
  const before = await articles(page);
  await say(page, "/deploy production <img/src=x/onerror=alert(1)>");
  await answeredAfter(page, before + 1, /Shipgate/);
  expect((await page.locator("#timeline img, #timeline script").count()) === 0, "markup came alive in the chat");
});

for (const colorScheme of ["light", "dark"]) {
  await step(`everything can be read in the ${colorScheme} scheme`, async () => {
    const seen = await open({ colorScheme });
    const troubles = await seen.evaluate(contrastTroubles);
    expect(troubles.length === 0, `too little contrast: ${troubles.slice(0, 5).join("; ")}`);
    await seen.context().close();
  });
}

for (const colorScheme of ["light", "dark"]) {
  await step(`the calendar can be read in the ${colorScheme} scheme`, async () => {
    const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, colorScheme });
    const seen = await context.newPage();
    seen.setDefaultTimeout(PATIENCE);
    seen.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    await seen.goto(new URL("/calendar?weeks=5", base).href);
    await seen.getByRole("img", { name: /When coffee on production is open/ }).waitFor();
    const drawn = await seen.locator("svg .cal-open rect").first().evaluate((bar) => getComputedStyle(bar).fill);
    expect(drawn !== "rgb(0, 0, 0)", "the picture has no colours: its style was not let in");
    expect((await seen.getByRole("table").getByRole("row").count()) > 1, "no closed time in five weeks");
    const troubles = await seen.evaluate(contrastTroubles);
    expect(troubles.length === 0, `too little contrast: ${troubles.slice(0, 5).join("; ")}`);
    const nameless = await namelessControls(seen);
    expect(nameless.length === 0, `without a name: ${nameless.join(", ")}`);
    await context.close();
  });
}

await step("every control has a name", async () => {
  const nameless = await namelessControls(page);
  expect(nameless.length === 0, `without a name: ${nameless.join(", ")}`);
});

for (const width of [390, 360]) {
  await step(`a phone ${width} wide shows all of it without scrolling sideways`, async () => {
    const phone = await open({ viewport: { width, height: 740 } });
    const wide = await phone.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wide <= 0, `${wide} pixels too wide`);
    await phone.getByText("Demo clock").first().click();
    await phone.getByRole("button", { name: "On to a quiet Tuesday" }).waitFor();
    await phone.context().close();
  });
}

await step("the browser had nothing to complain about", async () => {
  expect(complaints.length === 0, complaints.join("\n"));
});

await browser.close();
console.log(`\n${passed} passed, ${failures.length} failed`);
process.exit(failures.length ? 1 : 0);
