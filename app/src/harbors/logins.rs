//! The logins of a harbor: when they end, what they may do that nothing needs, and making them anew.

use leptos::prelude::*;

use super::calls::RenewLoginsCall;
use super::types::{Harbor, LoginPurpose, LoginState};
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::count;

fn purpose(login: &LoginState) -> &'static str {
    match login.purpose {
        LoginPurpose::Backup => t("Backup", "备份"),
        LoginPurpose::Restore => t("Restore", "恢复"),
        LoginPurpose::Staging => t("Staging", "暂存"),
    }
}

fn end(login: &LoginState) -> AnyView {
    match (login.told, login.expires, login.ends_in_days) {
        (false, ..) => view! { <span class="note">{t("Harbor does not tell", "Harbor 未提供")}</span> }.into_any(),
        (true, None, _) => t("never", "永不").into_any(),
        (true, Some(at), None) => view! { <When at=at brief=true/> }.into_any(),
        (true, Some(at), Some(days)) => {
            let (tone, text) = match lang() {
                _ if days < 0 => (Tone::Fail, t("ended", "已到期").to_owned()),
                Lang::En => (Tone::Warn, format!("in {} days", count(days))),
                Lang::ZhCn => (Tone::Warn, format!("{} 天后", count(days))),
            };
            view! { <When at=at brief=true/>" "<Status tone=tone text=text/> }.into_any()
        }
    }
}

/// Whether something about a login wants doing.
fn wants(login: &LoginState) -> bool {
    login.ends_in_days.is_some() || !login.surplus.is_empty()
}

/// What wants doing; on the overview of a harbor.
#[component]
pub fn LoginsCallout(harbor: Harbor) -> impl IntoView {
    let ending: Vec<&LoginState> = harbor.logins.iter().filter(|login| login.ends_in_days.is_some()).collect();
    let idle = harbor.logins.iter().any(|login| !login.surplus.is_empty());
    let text = match (lang(), ending.first()) {
        (Lang::En, Some(login)) => {
            format!("The login {} ends soon or has ended. From then on Harbor shows it nothing, without refusing it.", login.login)
        }
        (Lang::ZhCn, Some(login)) => format!("登录 {} 即将到期或已到期。此后 Harbor 不会拒绝它，但什么也不会显示。", login.login),
        (Lang::En, None) => "A login may do more than anything needs.".to_owned(),
        (Lang::ZhCn, None) => "有登录的权限超出所需。".to_owned(),
    };
    let tone = if ending.is_empty() { Tone::Idle } else { Tone::Warn };
    let href = format!("/harbors/{}?tab=settings", harbor.name);
    (idle || !ending.is_empty())
        .then(|| view! { <Callout tone=tone>{text}" "<a href=href>{t("Make the logins anew", "重新创建登录")}</a></Callout> })
}

/// The logins, and the form that makes them anew.
#[component]
pub fn Logins(harbor: Harbor) -> impl IntoView {
    let Harbor { name, logins, .. } = harbor;
    let urgent = logins.iter().any(wants);
    let any = !logins.is_empty();
    let rows = logins
        .into_iter()
        .map(|login| {
            let surplus = login.surplus.iter().map(|right| view! { <li><code class="mono">{right.clone()}</code></li> }).collect_view();
            let surplus = match login.surplus.is_empty() {
                true => t("what is needed", "恰为所需").into_any(),
                false => view! { {t("more than is needed: ", "超出所需：")}<ul class="names">{surplus}</ul> }.into_any(),
            };
            let surplus = if login.told {
                surplus
            } else {
                view! { <span class="note">{t("Harbor does not tell", "Harbor 未提供")}</span> }.into_any()
            };
            let (purpose, end) = (purpose(&login), end(&login));
            view! {
                <tr>
                    <Cell label=t("For", "用途")>{purpose}</Cell>
                    <Cell label=t("Login", "登录")><code class="mono">{login.login}</code></Cell>
                    <Cell label=t("Ends", "到期")>{end}</Cell>
                    <Cell label=t("May do", "权限")>{surplus}</Cell>
                </tr>
            }
        })
        .collect_view();
    let table = any.then(|| {
        let cols = [t("For", "用途"), t("Login", "登录"), t("Ends", "到期"), t("May do", "权限")].map(Col::text).to_vec();
        view! { <DataTable caption=t("Logins of this harbor", "此 Harbor 的登录") cols=cols>{rows}</DataTable> }
    });
    view! {
        <Panel title=t("Logins", "登录")>
            {table}
            <PostForm call=RenewLoginsCall::PATH prefix="form" id="renew">
                <Hidden name="harbor" value=name/>
                <p>{t("An administrator's login, used once and never stored, makes new robots with the least rights. They are tested and stored; then the old ones are removed. Where a run or a restore is under way they stay, and are named for you to remove.", "管理员登录仅使用一次，绝不保存，用于创建权限最小的新机器人；测试并保存后删除旧机器人。如有运行或恢复正在进行，旧机器人将保留并列出，由您删除。")}</p>
                <div class="two">
                    <Field name="admin_login" label=t("Administrator", "管理员")/>
                    <Field name="admin_password" label=t("Password", "密码") kind="password"/>
                </div>
                <Bar><SubmitButton text=t("Make the logins anew", "重新创建登录") kind=if urgent { ButtonKind::Primary } else { ButtonKind::Plain }/></Bar>
            </PostForm>
        </Panel>
    }
    .into_any()
}
