//! The verbs of restores over REST: look, ask, list every line, undo.

use std::io::IsTerminal as _;

use app::restores::types::{Draft, EffectItem, EffectKind, Lines, PlanChange, Request, RequestRow, RestoreForm, Submit};
use app::units::{Page, bytes, short_digest};
use clap::{Args, Subcommand};
use serde_json::json;

use super::api::{Api, Remote};
use super::client::{Numbered, encode, print_json, query, said};
use super::words::{Table, line};
use super::{CliError, progress};

/// Restore verbs.
#[derive(Subcommand)]
pub enum RestoreVerb {
    /// Show what a restore would do to Harbor; writes nothing
    Preview(Wish),
    /// Ask for a restore
    Request(AskRestore),
    /// Requests, newest first
    List(ListRequests),
    /// Requests that wait for votes; to vote is for people, in the console
    Inbox(ListInbox),
    /// A preview that was made before
    Draft(NamedDraft),
    /// One request
    Show(Numbered),
    /// Every line of a request, with what came of it
    Lines(ListLines),
    /// Show what would put moved tags back to what they pointed to; with a reason, ask for it
    Undo(UndoRestore),
    /// Show what would do again what failed or was left; with a reason, ask for it
    Retry(UndoRestore),
    /// What differs from the plan that votes were for, or that its author looked at
    Change(NamedDraft),
    /// Take a request back
    Withdraw(Numbered),
    /// Stop a restore before its next write
    Cancel(Numbered),
}

/// What to restore.
#[derive(Args)]
pub struct Wish {
    #[command(flatten)]
    remote: Remote,
    /// `harbor/project`
    project: String,
    /// Moment to restore from
    #[arg(long)]
    at: String,
    /// `repository:tag`, `repository@sha256:…` or `repository`; none = the whole project
    #[arg(long)]
    item: Vec<String>,
    /// Project to restore into; default: the same
    #[arg(long, default_value = "")]
    into: String,
    /// If a tag points elsewhere now: leave, move or rename
    #[arg(long, default_value = "leave")]
    on_conflict: String,
    /// Tag that keeps images named by their digest; none = they stay without one
    #[arg(long, default_value = "")]
    digest_tag: String,
}

/// A request to make.
#[derive(Args)]
pub struct AskRestore {
    #[command(flatten)]
    wish: Wish,
    /// Why
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    why: Why,
}

/// What goes with a reason.
#[derive(Args)]
pub struct Why {
    /// What happened: accident, `bad_push`, retention, incident, test, other
    #[arg(long, default_value = "accident")]
    category: String,
    /// Ticket
    #[arg(long, default_value = "")]
    ticket: String,
    /// Wait for votes and the restore itself
    #[arg(long)]
    wait: bool,
}

/// Requests to list.
#[derive(Args)]
pub struct ListRequests {
    #[command(flatten)]
    remote: Remote,
    /// open, done, all, or the name of one state
    #[arg(long, default_value = "")]
    state: String,
    /// Only of `harbor/project`
    #[arg(long, default_value = "")]
    project: String,
    /// Only one's own
    #[arg(long)]
    mine: bool,
    /// The `next` of the page before, as --json has it
    #[arg(long, default_value = "")]
    after: String,
}

/// Requests to vote on.
#[derive(Args)]
pub struct ListInbox {
    #[command(flatten)]
    remote: Remote,
    /// mine, team or done
    #[arg(long, default_value = "")]
    tab: String,
    /// The `next` of the page before, as --json has it
    #[arg(long, default_value = "")]
    after: String,
}

/// A request, or a draft.
#[derive(Args)]
pub struct NamedDraft {
    #[command(flatten)]
    remote: Remote,
    /// Number of the request, or name of the draft
    id: String,
}

/// A request to undo, or to do again.
#[derive(Args)]
pub struct UndoRestore {
    #[command(flatten)]
    remote: Remote,
    /// Its number
    id: i64,
    /// Why; without one nothing is asked for
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    why: Why,
}

/// Lines to list.
#[derive(Args)]
pub struct ListLines {
    #[command(flatten)]
    remote: Remote,
    /// Number of the request, or name of the draft
    id: String,
    /// create, move, mend, skip, blocked, accessories, done, failed or open
    #[arg(long, default_value = "")]
    group: String,
    /// Repository with project
    #[arg(long, default_value = "")]
    repository: String,
    /// Part of a name, tag, digest or reason
    #[arg(long, default_value = "")]
    text: String,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

async fn preview(api: &Api, wish: &Wish) -> Result<Draft, CliError> {
    let (harbor, project) = wish.project.split_once('/').ok_or_else(|| CliError::Usage("name the project as harbor/project".to_owned()))?;
    let form = RestoreForm {
        harbor: harbor.to_owned(),
        project: project.to_owned(),
        at: wish.at.clone(),
        items: wish.item.join("\n"),
        target_project: wish.into.clone(),
        on_conflict: wish.on_conflict.clone(),
        digest_tag: wish.digest_tag.clone(),
        ..RestoreForm::default()
    };
    api.post("/restores/preview", &form).await
}

fn effect_line(item: &EffectItem) -> String {
    let effect = match item.effect {
        EffectKind::Create => "create",
        EffectKind::Move => "move",
        EffectKind::Mend => "send again",
        EffectKind::Skip => "skip",
        EffectKind::Blocked => "BLOCKED",
    };
    let glue = if item.reference.starts_with("sha256:") { '@' } else { ':' };
    let now = item.now.as_deref().map_or_else(|| "–".to_owned(), short_digest);
    format!("{effect}  {}{glue}{}  {now} → {}  {}", item.repository, item.reference, short_digest(&item.then), said(item.detail.as_ref()))
}

fn show_plan(draft: &Draft) {
    let plan = &draft.plan;
    line(&plan.sentence);
    for item in &plan.items {
        line(format!("  {}", effect_line(item)));
    }
    let shown = i64::try_from(plan.items.len()).unwrap_or(i64::MAX);
    if plan.items_total > shown {
        line(format!("  and {} more: breakwater restore lines {}", plan.items_total - shown, draft.id));
    }
    for gap in &plan.gaps {
        line(format!("  the snapshot lacks {}: {}; {}", gap.subject, gap.cause, gap.remedy));
    }
    for warning in &plan.warnings {
        line(format!("  note: {warning}"));
    }
    let most = plan.bytes_to_send + plan.bytes_unknown;
    let send =
        if plan.blobs_unknown == 0 { bytes(plan.bytes_to_send) } else { format!("{} to {}", bytes(plan.bytes_to_send), bytes(most)) };
    line(format!("  {send} to send, {} found there; {}", bytes(plan.bytes_present), draft.rule));
    line(format!("  plan {}", plan.hash));
}

/// `breakwater restore …`.
pub async fn restore(verb: RestoreVerb) -> Result<(), CliError> {
    match verb {
        RestoreVerb::Preview(wish) => {
            let draft = preview(&wish.remote.api()?, &wish).await?;
            if wish.remote.json {
                return print_json(&draft);
            }
            show_plan(&draft);
        }
        RestoreVerb::Request(args) => {
            let api = args.wish.remote.api()?;
            let draft = preview(&api, &args.wish).await?;
            return ask(&args.wish.remote, &api, draft, args.reason, args.why).await;
        }
        RestoreVerb::List(args) => {
            let mine = if args.mine { "true".to_owned() } else { String::new() };
            let query = query([("state", &args.state), ("project", &args.project), ("mine", &mine), ("after", &args.after)]);
            let rows: Page<RequestRow> = args.remote.api()?.get("/restores", &query).await?;
            if args.remote.json {
                return print_json(&rows);
            }
            print_requests(rows);
        }
        RestoreVerb::Inbox(args) => {
            let query = query([("tab", &args.tab), ("after", &args.after)]);
            let rows: Page<RequestRow> = args.remote.api()?.get("/approvals", &query).await?;
            if args.remote.json {
                return print_json(&rows);
            }
            print_requests(rows);
        }
        RestoreVerb::Draft(args) => {
            let draft: Draft = args.remote.api()?.get(&format!("/restores/drafts/{}", encode(&args.id)), &[]).await?;
            if args.remote.json {
                return print_json(&draft);
            }
            show_plan(&draft);
        }
        RestoreVerb::Change(args) => {
            let change: Option<PlanChange> = args.remote.api()?.get(&format!("/restores/{}/change", encode(&args.id)), &[]).await?;
            if args.remote.json {
                return print_json(&change);
            }
            match change {
                Some(change) => line(format!("{} lines new, {} gone, {} changed", change.added, change.gone, change.changed)),
                None => line("nothing differs"),
            }
        }
        RestoreVerb::Show(args) => {
            let request: Request = args.remote.api()?.get(&format!("/restores/{}", args.id), &[]).await?;
            if args.remote.json {
                return print_json(&request);
            }
            show(&request);
        }
        RestoreVerb::Lines(args) => return lines(&args).await,
        RestoreVerb::Undo(args) => return again(args, "undo").await,
        RestoreVerb::Retry(args) => return again(args, "retry").await,
        RestoreVerb::Withdraw(args) => return end(&args, "withdraw").await,
        RestoreVerb::Cancel(args) => return end(&args, "cancel").await,
    }
    Ok(())
}

fn print_requests(rows: Page<RequestRow>) {
    let mut table = Table::new(&["request", "state", "what", "by", "result"]);
    for r in rows.items {
        table.row([format!("#{}", r.id), format!("{:?}", r.state), r.sentence.to_string(), r.requester, said(r.result.as_ref())]);
    }
    table.print();
}

async fn again(args: UndoRestore, what: &str) -> Result<(), CliError> {
    let api = args.remote.api()?;
    let draft: Draft = api.post(&format!("/restores/{}/{what}", args.id), &json!({})).await?;
    if let Some(reason) = args.reason {
        return ask(&args.remote, &api, draft, reason, args.why).await;
    }
    if args.remote.json {
        return print_json(&draft);
    }
    show_plan(&draft);
    Ok(())
}

async fn end(args: &Numbered, what: &str) -> Result<(), CliError> {
    let request: Request = args.remote.api()?.post(&format!("/restores/{}/{what}", args.id), &json!({})).await?;
    if args.remote.json {
        return print_json(&request);
    }
    line(format!("#{}: {}", request.id, request.next));
    Ok(())
}

fn show(request: &Request) {
    line(format!("#{} {:?}: {}\n{}", request.id, request.state, request.plan.sentence, request.next));
    if let Some(text) = &request.outcome_detail {
        line(text);
    }
    if let Some(change) = &request.change {
        line(format!("Since it was voted on: {} lines new, {} gone, {} changed", change.added, change.gone, change.changed));
    }
    for r in &request.results {
        line(format!("  {}  {}:{}  {}", r.outcome, r.repository, r.reference, said(r.detail.as_ref())));
    }
    let shown = i64::try_from(request.results.len()).unwrap_or(i64::MAX);
    if request.results_total > shown || request.plan.items_total > shown {
        line(format!("  every line: breakwater restore lines {}", request.id));
    }
}

/// Prints every page.
async fn lines(args: &ListLines) -> Result<(), CliError> {
    let api = args.remote.api()?;
    let path = format!("/restores/{}/lines", encode(&args.id));
    let filters = query([("group", &args.group), ("repository", &args.repository), ("text", &args.text)]);
    if args.csv || args.remote.json {
        let form = if args.csv { "csv" } else { "json" };
        let text = api.text(&format!("{path}.{form}"), &filters).await?;
        // To a file as it is; on a terminal nothing in it is obeyed.
        if std::io::stdout().is_terminal() {
            line(text)
        } else {
            println!("{}", text.trim_end_matches('\n'))
        }
        return Ok(());
    }
    for page in 1.. {
        let number = i64::to_string(&page);
        let query: Vec<(&str, &str)> = filters.iter().copied().chain([("page", number.as_str())]).collect();
        let found: Lines = api.get(&path, &query).await?;
        let over = found.next.is_none();
        for l in &found.lines {
            let result = l.result.as_ref().map_or_else(String::new, |r| format!("  {} {}", r.outcome, said(r.detail.as_ref())));
            line(format!("{} {}{result}", l.place, effect_line(&l.effect)));
        }
        if over {
            break;
        }
    }
    Ok(())
}

async fn ask(remote: &Remote, api: &Api, draft: Draft, reason: String, why: Why) -> Result<(), CliError> {
    if !remote.json {
        show_plan(&draft);
    }
    let submit = Submit { draft_id: draft.id, plan_hash: draft.plan.hash, category: why.category, reason, ticket: why.ticket };
    let mut request: Request = api.post("/restores", &submit).await?;
    if why.wait {
        request = progress::request(api, request.id).await?;
    }
    if remote.json {
        return print_json(&request);
    }
    line(format!("#{}: {}", request.id, request.next));
    Ok(())
}
