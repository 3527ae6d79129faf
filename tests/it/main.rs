//! The whole program against working models of Slack and GitHub: the real binary as a child process, real HTTP and
//! WebSockets. Not here: rules on their own (`src/domain`), seeds (`tests/sim`), the page (`tests/browser`).

mod harness;
mod read;
mod setup;

mod actions;
mod approvals;
mod calendar;
mod calendars;
mod canaries;
mod checklists;
mod commandline;
mod crashes;
mod decisions;
mod demo;
mod disk;
mod echoes;
mod failures;
mod forged;
mod freezes;
mod hostile;
mod limits;
mod load;
mod oddities;
mod online;
mod operating;
mod outages;
mod outlook;
mod peers;
mod planned;
mod postgres;
mod preflight;
mod refusals;
mod reload;
mod restored;
mod selfcheck;
mod story;
mod unsure;
mod words;
