//! The verbs over REST that look after what is kept: gaps, holds, snapshots of deleted plans, and the search.

use app::plans::imported::{Import, KeepImport};
use app::plans::left::{Leave, Left, LeftTo};
use app::projects::found::{Found, Presence, SearchHit, SearchNote};
use app::projects::gaps::{AcceptGap, Gap, ProjectGaps};
use app::projects::types::{HeldMoment, HoldForm};
use app::units::{Moment, short_digest};
use clap::{Args, Subcommand};
use serde_json::json;

use super::api::Remote;
use super::client::{Plain, print_json, project_path};
use super::words::{Table, line, shown};
use super::{CliError, names};

/// Gap verbs.
#[derive(Subcommand)]
pub enum GapVerb {
    /// Gaps of the newest snapshot of a project, and what was accepted of them
    List(OneProject),
    /// Accept a gap of the newest snapshot, or all that are open, until a day
    Accept(AcceptOne),
    /// Take an acceptance back
    Withdraw(WithdrawOne),
}

/// A project.
#[derive(Args)]
pub struct OneProject {
    #[command(flatten)]
    remote: Remote,
    /// `harbor/project`
    project: String,
}

/// An acceptance.
#[derive(Args)]
pub struct AcceptOne {
    #[command(flatten)]
    of: OneProject,
    /// What the gap is about, or its id, as `gap list` prints them; `open` = all that nobody accepted
    #[arg(long)]
    gap: String,
    /// Why it may stay
    #[arg(long)]
    reason: String,
    /// Its end, `2026-12-31`, at most a year ahead
    #[arg(long)]
    until: String,
}

/// An acceptance to take back.
#[derive(Args)]
pub struct WithdrawOne {
    #[command(flatten)]
    of: OneProject,
    /// Its number
    id: i64,
    /// Why
    #[arg(long)]
    reason: String,
}

fn gap_row(gap: &Gap) -> [String; 6] {
    let state = match (&gap.accepted, gap.only_named) {
        (_, true) => "kept elsewhere".to_owned(),
        (Some(a), _) => format!("accepted until {} by {} (number {}): {}", a.until.url(), a.by, a.id, a.reason),
        (None, _) => "open".to_owned(),
    };
    let id: String = gap.id.chars().take(12).collect();
    let subject = gap.digest.as_ref().map_or_else(|| gap.subject.clone(), |digest| format!("{}@{digest}", gap.subject));
    let remedy = gap.remedy.as_ref().map(ToString::to_string).unwrap_or_default();
    [id, gap.kind.clone(), subject, gap.cause.to_string(), state, remedy]
}

/// The one gap that is meant by its id, the beginning of it, or its subject.
fn chosen(gaps: &[Gap], text: &str) -> Result<String, CliError> {
    let fits = |gap: &&Gap| gap.subject == text || (text.len() >= 6 && gap.id.starts_with(text));
    match gaps.iter().filter(fits).collect::<Vec<_>>().as_slice() {
        [gap] => Ok(gap.id.clone()),
        [] => Err(CliError::Usage(format!("the newest snapshot has no gap “{text}”"))),
        many => Err(CliError::Usage(format!("“{text}” is {} gaps; name one by its id", many.len()))),
    }
}

/// `breakwater gap …`.
pub async fn gap(verb: GapVerb) -> Result<(), CliError> {
    match verb {
        GapVerb::List(args) => {
            let gaps: ProjectGaps = args.remote.api()?.get(&format!("{}/gaps", project_path(&args.project)?), &[]).await?;
            if args.remote.json {
                return print_json(&gaps);
            }
            let mut table = Table::new(&["gap", "kind", "what", "why", "state", "remedy"]);
            gaps.gaps.iter().for_each(|gap| table.row(gap_row(gap)));
            table.print();
        }
        GapVerb::Accept(args) => {
            let (api, path) = (args.of.remote.api()?, format!("{}/gaps", project_path(&args.of.project)?));
            let gaps: ProjectGaps = api.get(&path, &[]).await?;
            let newest = gaps.at.ok_or_else(|| CliError::Usage("this project was never captured".to_owned()))?;
            let gap = if args.gap == "open" { args.gap } else { chosen(&gaps.gaps, &args.gap)? };
            let form = AcceptGap { snapshot_id: newest.id, gap, reason: args.reason, until: args.until };
            let done: serde_json::Value = api.post(&path, &form).await?;
            if args.of.remote.json {
                return print_json(&done);
            }
            line(format!("{} accepted", done["count"]));
        }
        GapVerb::Withdraw(args) => {
            let path = format!("{}/gaps/{}", project_path(&args.of.project)?, args.id);
            args.of.remote.api()?.delete::<()>(&path, &json!({ "reason": args.reason })).await?;
            line("withdrawn");
        }
    }
    Ok(())
}

/// Hold verbs.
#[derive(Subcommand)]
pub enum HoldVerb {
    /// Holds that keep snapshots of a project now
    List(OneProject),
    /// Keep a snapshot whatever the rules say
    Set(SetHold),
    /// Release a hold before its end
    Release(ReleaseOne),
}

/// A hold.
#[derive(Args)]
pub struct SetHold {
    #[command(flatten)]
    remote: Remote,
    /// `harbor/project@moment`; without a moment the newest
    snapshot: String,
    /// Why
    #[arg(long)]
    reason: String,
    /// Its end, `2026-12-31`; without, it stays until somebody releases it
    #[arg(long, default_value = "")]
    until: String,
}

/// A hold to release.
#[derive(Args)]
pub struct ReleaseOne {
    #[command(flatten)]
    remote: Remote,
    /// Its number
    id: i64,
    /// Why
    #[arg(long)]
    reason: String,
}

/// `breakwater hold …`.
pub async fn hold(verb: HoldVerb) -> Result<(), CliError> {
    match verb {
        HoldVerb::List(args) => {
            let holds: Vec<HeldMoment> = args.remote.api()?.get(&format!("{}/holds", project_path(&args.project)?), &[]).await?;
            if args.remote.json {
                return print_json(&holds);
            }
            let mut table = Table::new(&["hold", "moment", "end", "by", "reason"]);
            for held in holds {
                let end = held.hold.until.map_or_else(|| "without an end".to_owned(), |until| format!("until {}", until.url()));
                table.row([held.hold.id.to_string(), held.moment.url(), end, held.hold.by, held.hold.reason]);
            }
            table.print();
        }
        HoldVerb::Set(args) => {
            let api = args.remote.api()?;
            let id = names::snapshot(&api, &args.snapshot).await?;
            let form = HoldForm { reason: args.reason, until: args.until };
            api.post::<()>(&format!("/snapshots/{id}/hold"), &form).await?;
            line("held");
        }
        HoldVerb::Release(args) => {
            args.remote.api()?.post::<()>(&format!("/holds/{}/release", args.id), &json!({ "reason": args.reason })).await?;
            line("released");
        }
    }
    Ok(())
}

/// What is to become of the snapshots of a deleted plan.
#[derive(Args)]
pub struct LeaveOne {
    #[command(flatten)]
    remote: Remote,
    /// The deleted plan
    plan: String,
    /// kept (all of them), rule (the one it had) or plan (the rule of another)
    #[arg(long)]
    to: String,
    /// With kept: login of who answers for it
    #[arg(long, default_value = "")]
    owner: String,
    /// With plan: that plan
    #[arg(long)]
    by_plan: Option<String>,
}

/// `breakwater plan left`.
pub async fn left(args: Plain) -> Result<(), CliError> {
    let left: Vec<Left> = args.remote.api()?.get("/left", &[]).await?;
    if args.remote.json {
        return print_json(&left);
    }
    let mut table = Table::new(&["plan", "vault", "snapshots", "what becomes of them"]);
    for left in left {
        let to = match left.to {
            LeftTo::Kept => format!("all kept, for {}", left.owner.unwrap_or_default()),
            LeftTo::Rule => "kept by the rule it had".to_owned(),
            LeftTo::Plan => format!("kept by the rule of {}", left.by_plan.map(|(_, name)| name).unwrap_or_default()),
            LeftTo::Undecided => "all kept, nobody decided".to_owned(),
        };
        table.row([left.plan, left.vault, left.snapshots.to_string(), to]);
    }
    table.print();
    Ok(())
}

/// `breakwater plan leave`.
pub async fn leave(args: LeaveOne) -> Result<(), CliError> {
    let api = args.remote.api()?;
    let id = names::deleted_plan(&api, &args.plan).await?;
    let plan_id = match &args.by_plan {
        Some(name) => Some(names::plan(&api, name).await?),
        None => None,
    };
    let form = Leave { to: args.to, owner: args.owner, plan_id };
    api.put::<()>(&format!("/left/{id}"), &form).await?;
    line("noted; nothing goes by it for a day");
    Ok(())
}

/// An import, and its word.
#[derive(Args)]
pub struct KeepOne {
    #[command(flatten)]
    remote: Remote,
    /// Number of its snapshot
    snapshot: i64,
    /// Login of who answers for keeping it
    #[arg(long)]
    owner: String,
    /// A day (its end, UTC) or a moment; without it until somebody says so
    #[arg(long, default_value = "")]
    until: String,
}

/// `breakwater plan imports`.
pub async fn imports(args: Plain) -> Result<(), CliError> {
    let imports: Vec<Import> = args.remote.api()?.get("/imports", &[]).await?;
    if args.remote.json {
        return print_json(&imports);
    }
    let mut table = Table::new(&["snapshot", "project", "moment", "vault", "tags", "what becomes of it"]);
    for import in imports {
        let Import { snapshot_id, harbor, project, vault, tags, .. } = import;
        let kept = match (import.owner, import.until) {
            (None, _) => "kept, nobody decided".to_owned(),
            (Some(owner), None) => format!("kept, for {owner}"),
            (Some(owner), Some(until)) => format!("kept until {}, for {owner}", until.url()),
        };
        table.row([snapshot_id.to_string(), format!("{harbor}/{project}"), import.moment.url(), vault, tags.to_string(), kept]);
    }
    table.print();
    Ok(())
}

/// `breakwater plan keep-import`.
pub async fn keep_import(args: KeepOne) -> Result<(), CliError> {
    let form = KeepImport { owner: args.owner, until: args.until };
    args.remote.api()?.put::<()>(&format!("/imports/{}", args.snapshot), &form).await?;
    line("noted; nothing goes by it for a day");
    Ok(())
}

fn hit_row(hit: &SearchHit) -> [String; 6] {
    let name = if hit.tag.is_empty() { hit.repository.clone() } else { format!("{}:{}", hit.repository, hit.tag) };
    let there = match hit.in_harbor.state {
        Presence::Yes => "yes",
        Presence::Moved => "the tag, with another image",
        Presence::Untagged => "the image, without this tag",
        Presence::No => "no",
        Presence::Unknown => "not known",
    };
    let as_of = if hit.in_harbor.live { "now".to_owned() } else { format!("as of {}", hit.in_harbor.at.url()) };
    let role = serde_json::to_value(hit.role).ok().and_then(|role| role.as_str().map(str::to_owned)).unwrap_or_default();
    let gap = hit.gap.as_ref().map(|gap| format!("; gap: {}", gap.cause)).unwrap_or_default();
    [hit.harbor.clone(), name, short_digest(&hit.digest), role, hit.last_seen.url(), format!("{there}, {as_of}{gap}")]
}

fn note_line(note: &SearchNote) -> String {
    match note {
        SearchNote::UnknownHost { host } => format!("{host} is not the address of a Harbor you see; the rest of the name counts"),
        SearchNote::OnlyHost { host } => format!("{host} is the address of a server; add the name of an image on it"),
        SearchNote::NothingNamed => "no image is named in this text".to_owned(),
        SearchNote::OtherAlgorithm => "images are found by their SHA-256 digest; this one is of another algorithm".to_owned(),
        SearchNote::TooShort => "these are too few digits of a digest: give at least four".to_owned(),
        SearchNote::Elsewhere { digest, repository } => format!("{digest} is not in {repository}; it is here"),
        SearchNote::DigestUnknown { digest } => format!("no snapshot has {digest}; this is what the name stands for"),
        SearchNote::TagUnknown { repository, tag } => format!("no snapshot has the tag {tag} of {repository}; these are its other tags"),
        SearchNote::AccessoryUnknown { tag } => format!("no snapshot has {tag}; this is the image it would be about"),
        SearchNote::OtherHarbor { harbor } => format!("{harbor}, whose address it is, never had this; others did"),
        SearchNote::More { shown } => format!("only {shown} are shown: name more of it"),
        SearchNote::NotAsked { harbor, why } => format!("{harbor} could not be asked now: {why}"),
    }
}

/// `breakwater tag find`.
pub async fn find(remote: &Remote, text: &str) -> Result<(), CliError> {
    let found: Found = remote.api()?.get("/search", &[("q", text)]).await?;
    if remote.json {
        return print_json(&found);
    }
    found.notes.iter().for_each(|note| eprintln!("{}", shown(&note_line(note))));
    if found.hits.is_empty() && found.notes.is_empty() {
        eprintln!("no snapshot that you may see has this in a name, and nothing else is named in it");
    }
    let mut table = Table::new(&["harbor", "name", "digest", "what", "last seen", "in Harbor"]);
    found.hits.iter().for_each(|hit| table.row(hit_row(hit)));
    table.print();
    Ok(())
}

/// What is said of a tag in Harbor.
#[must_use]
pub fn in_harbor(there: Option<&app::projects::found::InHarbor>, error: Option<&app::sentence::Said<app::refusals::Refusal>>) -> String {
    let Some(there) = there else { return format!("in Harbor: not known: {}", error.map(ToString::to_string).unwrap_or_default()) };
    let state = match there.state {
        Presence::Yes => "yes, as captured",
        Presence::Moved => "yes, with another image",
        Presence::Untagged => "the image, without this tag",
        Presence::No => "no",
        Presence::Unknown => "not known",
    };
    let digest = there.digest.as_deref().map(|digest| format!(" {}", short_digest(digest))).unwrap_or_default();
    if there.live {
        format!("in Harbor now: {state}{digest}")
    } else {
        format!("in Harbor as of {}: {state}{digest}", Moment::url(there.at))
    }
}
