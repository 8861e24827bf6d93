//! Freeing what no snapshot needs: the button, and what the last sweeps did.

use leptos::prelude::*;

use super::calls::SweepVault;
use super::types::{Amount, Sweep, Vault};
use crate::accounts::types::Duty;
use crate::text::t;
use crate::ui::*;
use crate::units::{bytes, count};

/// How a sweep works, and its buttons.
pub fn sweep_panel(vault: &Vault) -> AnyView {
    let id = vault.id;
    let form = move |look: bool, text: &'static str| {
        view! {
            <PostForm call=SweepVault::PATH class="form inline">
                <Hidden name="vault_id" value=id.to_string()/>
                {look.then(|| view! { <Hidden name="dry_run" value="on".to_owned()/> })}
                <SubmitButton text=text/>
            </PostForm>
        }
    };
    let command = shell_line(&["breakwater", "vault", "sweep", &vault.name, "--dry-run"]);
    view! {
        <Panel title=t("Space", "空间") padded=true>
            <p>{t("Once a day, what no snapshot needs is set aside; a day later, when nobody can need it any more, it is deleted. Backups and restores go on meanwhile.", "每天将任何快照都不需要的对象移到一旁；一天后确认无人需要才删除。备份与恢复不受影响。")}</p>
            <IfDuty duty=Duty::Operator>
                {form(true, t("Look what it would free", "查看可释放空间"))}
                {form(false, t("Sweep now", "立即清理"))}
                <details>
                    <summary class="note">{t("More than a fifth of the vault…", "超过五分之一…")}</summary>
                    <p class="note">{t("A sweep that would set aside more than a fifth of the vault stops and says so. If that is what you want, allow it once.", "若将移出超过保管库五分之一的内容，清理会停止并提示。确认无误后可允许一次。")}</p>
                    <PostForm call=SweepVault::PATH class="form inline">
                        <Hidden name="vault_id" value=id.to_string()/>
                        <Hidden name="however_much" value="on".to_owned()/>
                        <SubmitButton text=t("Sweep however much it is", "无论多少均清理") kind=ButtonKind::Danger/>
                    </PostForm>
                </details>
            </IfDuty>
            <CliTwin command=command/>
        </Panel>
    }
    .into_any()
}

fn amount(a: Amount) -> String {
    if a.count == 0 { "–".to_owned() } else { format!("{} · {}", count(a.count), bytes(a.size_bytes)) }
}

fn row(sweep: Sweep) -> impl IntoView {
    let kind = if sweep.dry_run {
        view! { <Status tone=Tone::Idle text=t("only looked", "仅查看")/> }.into_any()
    } else {
        view! { <Status tone=Tone::Ok text=t("swept", "已清理")/> }.into_any()
    };
    let waiting_for = (!sweep.waiting_for.is_empty()).then(|| view! { " "<span class="note">{sweep.waiting_for.join(", ")}</span> });
    let locked_until = sweep.locked_until.map(|at| view! { " "<span class="note">{t("until ", "至 ")}<When at=at brief=true/></span> });
    let old = (sweep.old_versions.count > 0).then(|| {
        view! { " "<span class="note">{t("old versions: ", "旧版本：")}{amount(sweep.old_versions)}</span> }
    });
    view! {
        <tr>
            <Cell><a href=format!("/jobs/{}", sweep.job_id)><When at=sweep.finished brief=true/></a></Cell>
            <Cell label=t("What", "类型")>{kind}</Cell>
            <Cell label=t("Needed", "需要") number=true>{amount(sweep.needed)}</Cell>
            <Cell label=t("Set aside", "移出") number=true>{amount(sweep.condemned)}</Cell>
            <Cell label=t("Waiting", "等待") number=true>{amount(sweep.waiting)}{waiting_for}</Cell>
            <Cell label=t("Locked", "锁定") number=true>{amount(sweep.locked)}{locked_until}{old}</Cell>
            <Cell label=t("Put back", "移回") number=true>{amount(sweep.returned)}</Cell>
            <Cell label=t("Deleted", "已删除") number=true>{amount(sweep.deleted)}</Cell>
        </tr>
    }
}

/// The last sweeps.
pub fn sweeps_panel(sweeps: Vec<Sweep>) -> AnyView {
    if sweeps.is_empty() {
        let text = t("The first sweep runs a day after the vault was made.", "首次清理在保管库创建一天后进行。");
        return view! { <Panel title=t("Sweeps", "清理")><p class="note">{text}</p></Panel> }.into_any();
    }
    let cols = vec![
        Col::text(t("Ended", "结束")),
        Col::text(t("What", "类型")),
        Col::number(t("Needed", "需要")),
        Col::number(t("Set aside", "移出")),
        Col::number(t("Waiting", "等待")),
        Col::number(t("Locked", "锁定")),
        Col::number(t("Put back", "移回")),
        Col::number(t("Deleted", "已删除")),
    ];
    let rows = sweeps.into_iter().map(row).collect_view();
    view! { <Panel title=t("Sweeps", "清理")><DataTable caption=t("Sweeps", "清理") cols=cols>{rows}</DataTable></Panel> }.into_any()
}
