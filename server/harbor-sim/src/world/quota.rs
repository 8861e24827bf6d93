//! Quotas: each blob counts once per project.

use crate::model::{Project, World};
use crate::reply::Refusal;

/// Refuses what would take a project over its limit.
pub fn check_quota(world: &World, project: &Project, adding: i64) -> Result<(), Refusal> {
    let hard = project.quota.hard;
    if hard < 0 || adding <= 0 {
        return Ok(());
    }
    let used = world.used(project);
    if used.saturating_add(adding) <= hard {
        return Ok(());
    }
    Err(Refusal::denied(format!(
        "adding {} of storage resource, which when updated to current usage of {} will exceed the configured upper limit \
         of {}.",
        human(adding),
        human(used),
        human(hard)
    )))
}

fn human(bytes: i64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut tenths = i128::from(bytes) * 10;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < units.len() {
        tenths = (tenths + 512) / 1_024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_in_the_recorded_refusal() {
        assert_eq!(human(50_038), "48.9 KiB");
        assert_eq!(human(45_390), "44.3 KiB");
        assert_eq!(human(46_390), "45.3 KiB");
    }
}
