//! `breakwater status`: whether everything can be restored, and what needs somebody.

use app::home::types::Home;
use app::units::Moment;

use super::CliError;
use super::client::{Plain, print_json};
use super::words::{Table, line};

/// `breakwater status`.
pub async fn status(args: Plain) -> Result<(), CliError> {
    let home: Home = args.remote.api()?.get("/home", &[]).await?;
    if args.remote.json {
        return print_json(&home);
    }
    let Home { protected, met, at_risk, missed, gaps, pending, unprotected, .. } = &home;
    line(format!(
        "{protected} projects protected: {met} as aimed at, {at_risk} at risk, {missed} missed, {gaps} with gaps, {pending} to come; {unprotected} not protected"
    ));
    let last = home.last_good.map_or_else(|| "never".to_owned(), Moment::long);
    let next = home.next_run.map_or_else(|| "none".to_owned(), Moment::long);
    line(format!("last good {last}, next run {next}"));
    let mut table = Table::new(&["severity", "what", "more"]);
    home.concerns.iter().for_each(|concern| table.row([concern.severity.clone(), concern.title.to_string(), concern.text.to_string()]));
    table.print();
    home.running.iter().for_each(|job| line(format!("running: job {}: {}", job.id, job.title)));
    home.waiting.iter().for_each(|request| line(format!("waits for you: #{}: {}", request.id, request.sentence)));
    Ok(())
}
