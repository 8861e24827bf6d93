//! The engine against the simulator and a vault on disk.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod accessories;
mod backup;
mod closed;
mod copy;
mod discovery;
mod dry_run;
mod faults;
mod harness;
mod hidden;
mod import;
mod import_back;
mod import_writers;
mod locks;
mod lost;
mod matrix;
mod order;
mod outlook;
mod parts;
mod points;
mod points_bucket;
mod push;
mod restore;
mod resume;
mod rich_settings;
mod rights;
mod settings;
mod soak;
mod staging;
mod strange;
mod strange_back;
mod tail;
mod undo;

/// Whoever runs the engine does so in tasks of its own, on any thread.
#[test]
fn everything_long_can_run_in_a_task_of_its_own() {
    fn is_send<T: Send>(_: impl FnOnce(Parts) -> T) {}
    struct Parts {
        backup: engine::backup::BackupContext,
        plan: engine::effect::PlanContext,
        restore: engine::restore::RestoreContext,
        vault: vault::Vault,
        effect: engine::effect::EffectPlan,
        report: engine::report::Report,
        selection: engine::select::Selection,
        policy: engine::effect::Policy,
        project: vocab::ProjectName,
        digest: vocab::Digest,
        import: engine::import::ImportContext,
        destination: engine::import::Destination,
        path: std::path::PathBuf,
    }
    is_send(|p| async move { engine::backup::project(&p.backup, &p.project, Some(p.digest)).await.map(|_| ()) });
    is_send(|p| async move { engine::effect::plan(&p.plan, &p.digest, &p.selection, &p.project, &p.policy).await.map(|_| ()) });
    is_send(|p| async move { engine::restore::execute(&p.restore, &p.effect, &engine::Silent).await.map(|_| ()) });
    is_send(|p| async move { engine::import::run(&p.import, &p.destination, &p.path).await.map(|_| ()) });
    is_send(|p| async move {
        let (captured, elsewhere) = (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
        let written = engine::effect::Written::of(&p.report);
        let undone =
            engine::effect::Undone { plan: &p.effect, written: &written, snapshot: p.digest, captured: &captured, elsewhere: &elsewhere };
        engine::effect::undo(&p.plan, &undone, &p.policy).await.map(|_| ())
    });
    is_send(|p| async move { engine::verify::snapshot(&p.vault, &p.digest).await.len() });
}
