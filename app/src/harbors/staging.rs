//! Reading images that a policy blocks: what it does, in plain words; switching it on and off; how it stands.

use leptos::prelude::*;

use super::calls::SetStaging;
use super::types::{Harbor, Staging};
use crate::sentence::Sentence as _;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::count;

/// What it does, what it writes, and what to think of.
#[component]
pub fn WhatStagingDoes() -> impl IntoView {
    view! {
        <p class="note">
            {t(
                "Content trust and vulnerability policies block pulls, also those of a backup; such images are gaps. With this, Harbor copies each of them on its own side into a private project named breakwater-staging-…, Breakwater reads its manifest there, and removes the copy. The image is compared by its digest; its layers are read where it is.",
                "内容信任与漏洞策略会拦截拉取，备份也不例外，此类镜像会成为缺口。启用后，Harbor 在其内部将此类镜像逐个复制到名为 breakwater-staging-… 的私有项目，Breakwater 在其中读取清单后即删除副本。镜像按摘要核对，层数据仍从原处读取。",
            )}
        </p>
        <p class="note">
            {t(
                "It writes to that project and to no other: its robot may look artifacts up elsewhere, and pull, push or delete nothing there. A copy counts no pull of the image and takes next to no space: Harbor's storage keeps a small link for each layer of an image that was copied. Harbor's audit log shows the copies. Each run that does this is in the audit history.",
                "仅写入该项目：其机器人在其他项目只能查看制品，不能拉取、推送或删除。副本不计入镜像的拉取次数，几乎不占空间（Harbor 存储会为复制过的镜像的每一层保留一个小链接文件）；Harbor 审计日志会显示这些副本。每次使用均记入审计历史。",
            )}
        </p>
        <p class="note">
            {t(
                "Think of this: who may read the vault may then read images that Harbor lets nobody pull. A replication policy on events without a name filter copies each copy on. Harbor's default quota may be too small for a project made by hand: set it to unlimited.",
                "请注意：能读取保管库的人将能读取 Harbor 不允许任何人拉取的镜像；没有名称过滤的事件触发复制策略会把每个副本一并复制出去；手动创建的项目可能受 Harbor 默认配额限制，请设为不限。",
            )}
        </p>
    }
    .into_any()
}

/// Project and robot made by hand.
#[component]
pub fn StagingByHand() -> impl IntoView {
    view! {
        <Field name="staging_project" label=t("Staging project", "暂存项目") optional=true mono=true placeholder="breakwater-staging-1" hint=t("private, empty, without policies, unlimited quota", "私有、为空、无策略、配额不限")/>
        <div class="two">
            <Field name="staging_login" label=t("Login for staging", "暂存登录") optional=true mono=true placeholder="robot$breakwater-stage" hint=t("artifact:read in all projects; in its own: project read and delete, repository list, pull and delete, artifact create and read, label list and create, quota read", "所有项目：artifact:read；暂存项目内：project read/delete、repository list/pull/delete、artifact create/read、label list/create、quota read")/>
            <Field name="staging_secret" label=t("Secret", "密钥") kind="password" optional=true/>
        </div>
    }
    .into_any()
}

fn replicated(staging: &Staging) -> Option<AnyView> {
    let names = staging.replicated_by.join(", ");
    let text = match lang() {
        Lang::En => format!(
            "These replication policies would also copy on what is copied there: {names}. Exclude breakwater-staging-*/** in their name filter."
        ),
        Lang::ZhCn => format!("以下复制策略会把副本一并复制出去：{names}。请在其名称过滤器中排除 breakwater-staging-*/**。"),
    };
    (!staging.replicated_by.is_empty()).then(|| view! { <Callout tone=Tone::Warn>{text}</Callout> }.into_any())
}

/// Switching it on or off; on the settings of a harbor.
#[component]
pub fn StagingSwitch(harbor: Harbor) -> impl IntoView {
    let staging = harbor.staging;
    let warning = replicated(&staging);
    let title = t("Images that a policy blocks", "被策略拦截的镜像");
    let command = match staging.on {
        true => format!("breakwater harbor staging {} --off", harbor.name),
        false => format!("breakwater harbor staging {} --admin-login admin < password.txt", harbor.name),
    };
    let form = if staging.on {
        view! {
            <PostForm call=SetStaging::PATH prefix="form">
                <Hidden name="harbor" value=harbor.name/>
                <p>{t("They are read through the staging project.", "已通过暂存项目读取。")}" "<code class="mono">{staging.project}</code></p>
                <p class="note">{t("Switching it off removes the project; its robot stays in Harbor and can do nothing any more. A run under way ends with it still on.", "关闭后将删除该项目；其机器人保留在 Harbor 中，但不再有任何权限。正在进行的运行不受影响。")}</p>
                <Bar><SubmitButton text=t("Switch it off", "关闭")/></Bar>
            </PostForm>
        }
        .into_any()
    } else {
        let left = staging.project.map(|project| {
            view! { <Callout tone=Tone::Warn>{t("A staging project from before is still to be removed: ", "此前的暂存项目尚待删除：")}<code class="mono">{project}</code></Callout> }
        });
        view! {
            <PostForm call=SetStaging::PATH prefix="form">
                <Hidden name="harbor" value=harbor.name/>
                <Hidden name="on" value="true"/>
                {left}
                <p>{t("They are gaps in the backup: the backup login only reads, so it cannot have anything copied. An administrator's login, used once and never stored, makes the project and a robot for it.", "目前是备份缺口：备份登录只读，无法复制任何内容。管理员登录仅使用一次，用于创建该项目及其机器人，绝不保存。")}</p>
                <div class="two">
                    <Field name="admin_login" label=t("Administrator", "管理员") optional=true/>
                    <Field name="admin_password" label=t("Password", "密码") kind="password" optional=true/>
                </div>
                <details>
                    <summary>{t("Or enter a project and a robot made by hand", "或填写手动创建的项目与机器人")}</summary>
                    <div class="inner"><StagingByHand/></div>
                </details>
                <Bar><SubmitButton text=t("Read them through a staging project", "通过暂存项目读取")/></Bar>
            </PostForm>
        }
        .into_any()
    };
    view! {
        <Panel title=title padded=true><WhatStagingDoes/>{warning}{form}</Panel>
        <CliTwin command=command/>
    }
    .into_any()
}

/// How it stands; on the overview of a harbor.
#[component]
pub fn StagingState(staging: Staging) -> impl IntoView {
    let warning = replicated(&staging).filter(|_| staging.on);
    let state = match (staging.on, &staging.project) {
        (true, _) => view! { <Status tone=Tone::Ok text=t("read through a staging project", "通过暂存项目读取")/> }.into_any(),
        (false, None) => view! { <Status tone=Tone::Idle text=t("named gaps: nothing is copied", "记为缺口，不复制")/> }.into_any(),
        (false, Some(_)) => {
            view! { <Status tone=Tone::Warn text=t("off; its project is still to be removed", "已关闭，项目尚待删除")/> }.into_any()
        }
    };
    let project =
        staging.project.map(|project| view! { <Kv key=t("Staging project", "暂存项目")><code class="mono">{project}</code></Kv> });
    let login = staging.login.map(|login| view! { <Kv key=t("Login for staging", "暂存登录")><code class="mono">{login}</code></Kv> });
    let last = staging.last_use.map(|last| {
        let text = match lang() {
            Lang::En if last.images == 1 => "one image copied".to_owned(),
            Lang::En => format!("{} images copied", count(last.images)),
            Lang::ZhCn => format!("复制 {} 个镜像", count(last.images)),
        };
        view! { <Kv key=t("Last used", "最近使用")><When at=last.at brief=true/>" "<a href=format!("/jobs/{}", last.job_id)>{text}</a></Kv> }
    });
    let left = (staging.left > 0)
        .then(|| view! { <Kv key=t("Copies left there", "残留副本")><Status tone=Tone::Warn text=count(staging.left)/></Kv> });
    let foreign = (!staging.foreign.is_empty()).then(|| {
        let names = staging.foreign.iter().map(|name| view! { <li><code class="mono">{name.clone()}</code></li> }).collect_view();
        view! {
            <Kv key=t("Not Breakwater's", "非 Breakwater 内容")>
                <ul class="names">{names}</ul>
                <span class="note">{t("While this is there, nothing is copied: move it elsewhere in Harbor.", "存在此内容时不会复制任何镜像，请在 Harbor 中移走。")}</span>
            </Kv>
        }
    });
    let trouble = staging.trouble.map(|text| view! { <Kv key=t("Trouble", "问题")>{text.say(lang())}</Kv> });
    let looked = staging.looked.map(|at| view! { <Kv key=t("Looked into", "最近检查")><When at=at brief=true/></Kv> });
    view! {
        <Panel title=t("Images that a policy blocks", "被策略拦截的镜像")>
            {warning}
            <KeyValue>
                <Kv key=t("They are", "处理方式")>{state}</Kv>
                {project} {login} {last} {left} {foreign} {trouble} {looked}
            </KeyValue>
        </Panel>
    }
    .into_any()
}
