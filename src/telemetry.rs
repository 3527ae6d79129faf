//! Logs and figures. Not here: what is logged or counted.

mod inert;

use crate::settings::{LogFormat, LogSettings};
use inert::Inert;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How much the database's driver may say.
const DRIVER: &str = "tokio_postgres=info";

/// Starts logging to standard error. A filter that cannot be read falls back to `info`; `check` says so.
pub fn logs(settings: &LogSettings) {
    // A second start in one process (tests) keeps the first.
    let _ = tracing::subscriber::set_global_default(subscriber(settings, std::io::stderr));
}

/// What writes the log. Nothing that other systems or people wrote can end a line, begin another one or speak to a
/// terminal.
pub fn subscriber<M>(settings: &LogSettings, out: M) -> Box<dyn Subscriber + Send + Sync>
where
    M: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // Below this the driver logs the values of its statements: what people wrote, and one-time addresses.
    let filter = filter.add_directive(DRIVER.parse().expect("this is a directive"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    match settings.format {
        LogFormat::Json => Box::new(builder.with_writer(out).json().flatten_event(true).finish()),
        LogFormat::Human => Box::new(builder.with_writer(Inert(out)).with_target(false).compact().finish()),
    }
}

/// Starts counting. Histograms are kept in buckets, in seconds.
///
/// # Errors
/// Something else in this process counts already.
pub fn figures(stop: &CancellationToken) -> anyhow::Result<PrometheusHandle> {
    const SECONDS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 3.0];
    let handle = PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()?;
    let (upkeep, stop) = (handle.clone(), stop.clone());
    tokio::spawn(async move {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
            }
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Every file of the source.
    fn source(folder: &Path, texts: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                source(&path, texts);
            } else if path.extension().is_some_and(|end| end == "rs") {
                texts.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }

    /// The name that stands first in a call, if it is written there.
    fn name(call: &str) -> Option<String> {
        Some(call.trim_start().strip_prefix('"')?.split_once('"')?.0.to_owned())
    }

    #[test]
    fn the_page_for_operators_has_every_figure_and_no_other() {
        let mut texts = Vec::new();
        source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
        let calls = ["counter!(", "gauge!(", "histogram!(", "gauge("];
        let counted: BTreeSet<String> = texts
            .iter()
            .flat_map(|text| calls.iter().flat_map(|call| text.split(call).skip(1)))
            .filter_map(name)
            .filter(|name| name.starts_with("shipgate_"))
            .collect();
        assert!(counted.len() > 25, "these calls are written in another way now: {counted:?}");
        let page = include_str!("../docs/operating.md");
        let told: BTreeSet<String> = page
            .lines()
            .filter_map(|line| line.strip_prefix("| `shipgate_")?.split_once('`'))
            .map(|(name, _)| format!("shipgate_{name}"))
            .collect();
        assert_eq!(told, counted, "docs/operating.md has other figures than src/ counts");
    }
}
