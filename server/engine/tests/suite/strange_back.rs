//! The strange things of [`crate::strange`] on the simulator: it takes and refuses what a real Harbor does, and all it took comes back.

use engine::effect::OnConflict;
use engine::report::Ending;
use engine::select::Selection;

use crate::harness::{Harness, policy, shop};
use crate::strange;

#[tokio::test]
async fn strange_things_come_back_after_deletion_and_collection() {
    for version in [harbor_sim::Version::V2_12_4, harbor_sim::Version::V2_15_2] {
        let h = Harness::with(harbor_sim::Config { version, ..harbor_sim::Config::default() }).await;
        let wrong = strange::push_all(&h.client, &shop()).await;
        assert!(wrong.is_empty(), "{version:?} takes and refuses otherwise than is written:\n{}", wrong.join("\n"));
        let outcome = h.backup(None).await;
        let before = h.state("shop").await;
        strange::empty(&h.client, &h.vault, &outcome, &shop()).await;
        h.collect_garbage().await;
        let plan = h.plan(&outcome.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
        let report = h.execute(&plan, &engine::Silent).await;
        let failed: Vec<_> = report.items.iter().filter(|item| format!("{:?}", item.outcome).starts_with("Failed")).collect();
        assert_eq!(report.ending(), Ending::Done, "{version:?}: {failed:#?}");
        let bad = strange::differences(&h.vault, &outcome, &h.client, &shop()).await;
        assert!(bad.is_empty(), "{version:?}: {}", bad.join("\n"));
        assert_eq!(h.state("shop").await, before, "{version:?}");
    }
}
