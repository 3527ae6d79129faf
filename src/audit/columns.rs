//! The register as a table: its columns, in order. Their names are those of the register's JSON. Not here: what a line
//! says (`domain::audit::Register`).

use jiff::Timestamp;
use shipgate_domain::audit::Filed;

/// A column: its name, and its cell.
type Column = (&'static str, fn(&Filed) -> String);

/// The register as a table. What is a list in JSON is one cell here, its items parted by “; ”.
pub(super) const DEPLOY_COLUMNS: [Column; 44] = [
    ("deploy", |f| f.deploy.clone()),
    ("short_id", |f| f.short.clone()),
    ("kind", |f| f.kind.clone()),
    ("service", |f| f.service.clone()),
    ("environment", |f| f.environment.clone()),
    ("version", |f| f.version.clone()),
    ("commit", |f| text(&f.commit)),
    ("commit_title", |f| text(&f.commit_title)),
    ("commit_author", |f| text(&f.commit_author)),
    ("outcome", |f| f.outcome.clone()),
    ("outcome_reason", |f| text(&f.outcome_reason)),
    ("requested_at", |f| time(f.requested_at)),
    ("requested_by", |f| f.requested_by.clone()),
    ("requested_account", |f| f.requested_account.clone()),
    ("reason", |f| text(&f.reason)),
    ("emergency_reason", |f| text(&f.emergency)),
    ("approvals", |f| {
        list(&f.approvals, |a| {
            let stale = if a.is_current { "" } else { " (to older rules, does not count)" };
            format!("{} ({}) {}{stale}", a.person, a.account, a.at)
        })
    }),
    ("overrides", |f| {
        list(&f.overrides, |o| {
            let what = if o.freezes.is_empty() {
                o.gate.clone()
            } else {
                format!("{} {}", o.gate, o.freezes.join(", "))
            };
            format!("{what}: by {}", o.by.join(", "))
        })
    }),
    ("gates", |f| list(&f.gates, |g| format!("{}={} {}", g.gate, g.answer, g.code))),
    ("decided_at", |f| time(f.decided_at)),
    ("rules_version", |f| text(&f.rules)),
    ("approved_digest", |f| text(&f.digest)),
    ("attempts", |f| f.attempts.to_string()),
    ("sent_at", |f| time(f.sent_at)),
    ("started_at", |f| time(f.started_at)),
    ("ended_at", |f| time(f.ended_at)),
    ("run_url", |f| text(&f.run_url)),
    ("run", |f| text(&f.run)),
    ("run_attempt", |f| f.run_attempt.map(|n| n.to_string()).unwrap_or_default()),
    ("provider", |f| text(&f.provider)),
    ("repository", |f| text(&f.repo)),
    ("workflow", |f| text(&f.workflow)),
    ("workflow_branch", |f| text(&f.git_ref)),
    ("replaces_version", |f| text(&f.replaces_version)),
    ("replaces_commit", |f| text(&f.replaces_commit)),
    ("new_commits", |f| f.new_commits.map(|n| n.to_string()).unwrap_or_default()),
    ("compare_url", |f| text(&f.compare_url)),
    ("other_acts", |f| {
        list(&f.acts, |a| {
            let said = a.said.as_ref().map(|said| format!(": {said}")).unwrap_or_default();
            format!("{} by {} ({}) {}{said}", a.event, a.person, a.account, a.at)
        })
    }),
    ("rerun_of", |f| text(&f.rerun_of)),
    ("action", |f| text(&f.action)),
    ("arguments", |f| list(&f.arguments, Clone::clone)),
    ("first_row", |f| f.first_row.to_string()),
    ("last_row", |f| f.last_row.to_string()),
    ("last_hash", |f| f.last_hash.clone()),
];

pub(super) fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

pub(super) fn time(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

fn list<T>(items: &[T], say: impl Fn(&T) -> String) -> String {
    items.iter().map(say).collect::<Vec<_>>().join("; ")
}
