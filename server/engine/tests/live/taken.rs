//! Whatever somebody got a Harbor to take: into another Harbor, and back into its own after deletion and collection.

use std::sync::Arc;

use engine::Silent;
use engine::backup;
use engine::effect::{self, OnConflict, PlanContext, Policy};
use engine::report::Outcome;
use engine::restore::{self, RestoreContext};
use engine::select::Selection;
use vocab::ProjectName;

use crate::harness::{COLLECTING, Live};
use crate::push;
use crate::strange::{self, differences};

#[tokio::test]
async fn on_a_real_harbor_strange_things_come_back_after_deletion_and_collection() {
    let _alone = COLLECTING.lock().await;
    let Some(live) = Live::new().await else { return };
    let wrong = strange::push_all(&live.client, &live.project).await;
    let bad = emptied_and_back(&live, &live.project).await;
    live.remove(&live.project).await;
    assert!(
        wrong.is_empty() && bad.is_empty(),
        "Harbor takes and refuses otherwise than is written:\n{}\n{}",
        wrong.join("\n"),
        bad.join("\n")
    );
}

/// Projects that somebody filled, named by `HARBOR_EMPTIED`, separated by commas. All in them is deleted, collected and restored, and they stay.
#[tokio::test]
async fn on_a_real_harbor_whatever_it_took_comes_back_after_deletion_and_collection() {
    let Ok(projects) = std::env::var("HARBOR_EMPTIED") else { return };
    let _alone = COLLECTING.lock().await;
    let Some(live) = Live::new().await else { return };
    let mut bad = Vec::new();
    for name in projects.split(',') {
        bad.extend(emptied_and_back(&live, &name.parse().unwrap()).await);
    }
    live.remove(&live.project).await;
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// Backs a project up, deletes everything in it, has the garbage collected, restores it, and says what is not as it was.
async fn emptied_and_back(live: &Live, project: &ProjectName) -> Vec<String> {
    // The audit log is written a moment later.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let before = live.state(project).await;
    let outcome = backup::project(&live.backup_context(), project, None).await.unwrap();
    println!("{project}: {:?}\n  gaps {:?}\n  elsewhere {:?}", outcome.stats, outcome.index.gaps, outcome.index.elsewhere);
    let mut bad: Vec<String> = outcome.index.gaps.iter().map(|gap| format!("{project}: gap {gap:?}")).collect();
    let findings = engine::verify::snapshot_to(&live.vault, &outcome.digest, engine::finding::Depth::Bytes).await;
    bad.extend(findings.iter().map(|finding| format!("{project}: finding {finding:?}")));
    strange::empty(&live.client, &live.vault, &outcome, project).await;
    live.collect().await;
    let plan = live.plan(outcome.digest, project, OnConflict::Leave).await;
    let cx = RestoreContext { client: live.client.clone(), vault: live.vault.clone(), progress: Arc::new(Silent) };
    let report = restore::execute(&cx, &plan, &Silent).await.unwrap();
    println!("  restored {} lines, {} manifests, {} blobs sent", report.done(), report.manifests_put, report.blobs_sent);
    if !report.is_clean() {
        let failed: Vec<_> = report.items.iter().filter(|item| !matches!(item.outcome, Outcome::Done { .. } | Outcome::Same)).collect();
        bad.push(format!("{project}: {failed:#?}"));
    }
    bad.extend(differences(&live.vault, &outcome, &live.client, project).await.into_iter().map(|what| format!("{project}: {what}")));
    let after = live.state(project).await;
    for (place, shown) in &before {
        if after.get(place) != Some(shown) {
            bad.push(format!("{project}: {place} shows {:?} after {shown:?}", after.get(place)));
        }
    }
    bad.extend(after.keys().filter(|place| !before.contains_key(*place)).map(|place| format!("{project}: {place} was not shown before")));
    bad
}

/// Projects that hold whatever somebody got a Harbor to take, restored into another Harbor, or another project of the same one. `HARBOR_PROJECTS`
/// names them, separated by commas; `HARBOR_TARGET_URL` is where they are restored, with the same login.
#[tokio::test]
async fn on_a_real_harbor_whatever_it_took_comes_back_elsewhere() {
    let Ok(projects) = std::env::var("HARBOR_PROJECTS") else { return };
    let Some(live) = Live::new().await else { return };
    let (user, password) = (std::env::var("HARBOR_USER").unwrap(), std::env::var("HARBOR_PASSWORD").unwrap());
    let target = std::env::var("HARBOR_TARGET_URL").map_or_else(|_| live.client.clone(), |url| push::client(&url, &user, &password));
    let mut bad = Vec::new();
    for name in projects.split(',') {
        let project: ProjectName = name.parse().unwrap();
        let outcome = backup::project(&live.backup_context(), &project, None).await.unwrap();
        println!("{name}: {:?}\n  gaps {:?}\n  elsewhere {:?}", outcome.stats, outcome.index.gaps, outcome.index.elsewhere);
        bad.extend(outcome.index.gaps.iter().map(|gap| format!("{name}: gap {gap:?}")));
        let findings = engine::verify::snapshot_to(&live.vault, &outcome.digest, engine::finding::Depth::Bytes).await;
        bad.extend(findings.iter().map(|finding| format!("{name}: finding {finding:?}")));
        let export = live.vault.plan_export(&outcome.digest, &vault::Choice::default()).await.unwrap();
        bad.extend(export.left_out.iter().map(|out| format!("{name}: left out of an export {out:?}")));
        let to: ProjectName = format!("{}-{name}", live.project).parse().unwrap();
        let cx = PlanContext { client: target.clone(), vault: live.vault.clone(), harbor: "target".parse().unwrap() };
        let policy = Policy {
            on_conflict: OnConflict::Leave,
            accessories: true,
            keep_suffix: "a".to_owned(),
            rename_suffix: "b".to_owned(),
            digest_tag: String::new(),
        };
        let plan = effect::plan(&cx, &outcome.digest, &Selection::Project, &to, &policy).await.unwrap();
        println!("  plan {:?} {:?}", plan.counts(), plan.warnings);
        let cx = RestoreContext { client: target.clone(), vault: live.vault.clone(), progress: Arc::new(Silent) };
        let report = restore::execute(&cx, &plan, &Silent).await.unwrap();
        println!("  restored {} lines, {} manifests, {} blobs sent", report.done(), report.manifests_put, report.blobs_sent);
        if !report.is_clean() {
            bad.push(format!("{name}: {report:#?}"));
        }
        bad.extend(differences(&live.vault, &outcome, &target, &to).await.into_iter().map(|what| format!("{name}: {what}")));
        for repository in target.repositories(&to).await.unwrap() {
            target.delete_repository(&repository.name).await.unwrap();
        }
        target.delete_project(&to).await.unwrap();
    }
    live.remove(&live.project).await;
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
