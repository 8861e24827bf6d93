//! API tokens: one's own, made here, shown once, revoked here; and somebody's as a security administrator sees them.

use leptos::prelude::*;

use super::calls::{CreateToken, RevokeToken, RevokeTokenOf};
use super::types::{Token, TokenScope};
use crate::text::t;
use crate::ui::*;

fn scope_word(scope: TokenScope) -> &'static str {
    match scope {
        TokenScope::Read => t("reads", "只读"),
        TokenScope::Write => t("reads and writes", "读写"),
    }
}

/// The secret of a token just made: the only time it is seen.
#[must_use]
pub fn secret_once(secret: String) -> AnyView {
    // Kept where the rest of the page is replaced: the server has it no more.
    view! {
        <div id="made" data-once="">
        <Callout tone=Tone::Held>
            <p><b>{t("Copy the token now: it is shown this once.", "请立即复制令牌：仅显示这一次。")}</b></p>
            <p class="secret"><code class="mono">{secret}</code><CopyButton what=t("token", "令牌")/></p>
        </Callout>
        </div>
    }
    .into_any()
}

/// Who may end the tokens of a list.
#[derive(Clone, Copy)]
enum Ends {
    /// Their owner.
    Own,
    /// A security administrator, those of this account.
    Of(i64),
    /// Nobody who reads it.
    Not,
}

fn end(id: String, ends: Ends) -> AnyView {
    let text = t("Revoke", "撤销");
    match ends {
        Ends::Own => view! {
            <PostForm call=RevokeToken::PATH class="" id="revoke" quiet=true>
                <Hidden name="token_id" value=id/>
                <SubmitButton text=text kind=ButtonKind::Small/>
            </PostForm>
        }
        .into_any(),
        Ends::Of(user) => view! {
            <PostForm call=RevokeTokenOf::PATH class="" id="revoke" quiet=true>
                <Hidden name="user_id" value=user.to_string()/>
                <Hidden name="token_id" value=id/>
                <SubmitButton text=text kind=ButtonKind::Small/>
            </PostForm>
        }
        .into_any(),
        Ends::Not => ().into_any(),
    }
}

/// What a token is bound to.
fn bounds(token: &Token) -> AnyView {
    let nets = (!token.networks.is_empty())
        .then(|| view! { <span class="note block">{t("from ", "来自 ")}<code class="mono">{token.networks.join(", ")}</code></span> });
    let places = token.projects.as_ref().map(|places| {
        let words = if places.is_empty() { t("no project", "无项目").to_owned() } else { places.join(", ") };
        view! { <span class="note block">{t("only ", "仅限 ")}<code class="mono">{words}</code></span> }
    });
    view! { {places}{nets} }.into_any()
}

fn row(token: Token, ends: Ends) -> AnyView {
    let now = use_now();
    let over = now.is_some_and(|now| token.expires < now);
    let (tone, word) = match (token.revoked.is_some(), over) {
        (true, _) => (Tone::Idle, t("revoked", "已撤销")),
        (_, true) => (Tone::Idle, t("expired", "已过期")),
        _ => (Tone::Ok, t("active", "有效")),
    };
    let id = token.id.to_string();
    let bounds = bounds(&token);
    let end = (tone == Tone::Ok).then(|| end(id.clone(), ends));
    view! {
        <tr>
            <Cell>{token.name}" "<span class="note">{format!("#{id}")}</span></Cell>
            <Cell label=t("May", "权限")>{scope_word(token.scope)}{bounds}</Cell>
            <Cell label=t("State", "状态")><Status tone=tone text=word/></Cell>
            <Cell label=t("Ends", "到期")><When at=token.expires brief=true/></Cell>
            <Cell label=t("Last used", "最近使用")>{match token.last_used {
                Some(at) => view! { <When at=at brief=true/>{token.last_ip.map(|ip| view! { <span class="note block">{ip}</span> })} }.into_any(),
                None => t("never", "从未").into_any(),
            }}</Cell>
            <Cell>{end}</Cell>
        </tr>
    }
    .into_any()
}

/// A list of tokens.
fn table(tokens: Vec<Token>, ends: Ends) -> AnyView {
    let cols = vec![
        Col::text(t("Name", "名称")),
        Col::text(t("May", "权限")),
        Col::text(t("State", "状态")),
        Col::text(t("Ends", "到期")),
        Col::text(t("Last used", "最近使用")),
        Col::actions(),
    ];
    if tokens.is_empty() {
        return view! { <p class="note">{t("There is no token.", "没有令牌。")}</p> }.into_any();
    }
    let call = match ends {
        Ends::Own => Some(RevokeToken::PATH),
        Ends::Of(_) => Some(RevokeTokenOf::PATH),
        Ends::Not => None,
    };
    let rows = tokens.into_iter().map(|token| row(token, ends)).collect_view();
    view! { {call.map(|call| view! { <Refused call=call/> })}<DataTable caption=t("Tokens", "令牌") cols=cols>{rows}</DataTable> }
        .into_any()
}

/// The tokens of an account, for who looks after accounts; without `ends` they are only looked at.
#[must_use]
pub fn tokens_of_panel(tokens: Vec<Token>, user: i64, ends: bool) -> AnyView {
    let ends = if ends { Ends::Of(user) } else { Ends::Not };
    view! { <Panel title=t("Tokens for programs", "程序令牌")>{table(tokens, ends)}</Panel> }.into_any()
}

/// The list and the form.
#[must_use]
pub fn tokens_panel(tokens: Vec<Token>, made: Option<String>) -> AnyView {
    view! {
        <Panel title=t("Tokens for programs", "程序令牌") note=t("within your own rights; they never vote", "不超出您的权限，不可审批")>
            {made.map(secret_once)}
            {table(tokens, Ends::Own)}
        </Panel>
        <Panel title=t("Make a token", "创建令牌") padded=true>
            <PostForm call=CreateToken::PATH prefix="form" id="token">
                <Field name="name" label=t("What it is for", "用途") placeholder="ci"/>
                <div class="two">
                    <Select name="scope" label=t("It may", "权限") options=vec![("read".to_owned(), t("read", "只读").to_owned()), ("write".to_owned(), t("read and write", "读写").to_owned())] value="read"/>
                    <Field name="days" label=t("Days until it ends, at most 365", "有效天数，最多 365") kind="number" min="1" max="365" value="90"/>
                </div>
                <TextArea name="projects" label=t("Bound to projects", "限定项目") mono=true optional=true rows=2
                    hint=t("One a line: harbor/project or harbor/*; then it sees and does nothing else", "每行一个：harbor/项目 或 harbor/*；令牌将不可访问其他内容")/>
                <TextArea name="networks" label=t("Used from networks", "限定来源网络") mono=true optional=true rows=2
                    hint=t("One a line: 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32; from elsewhere it is refused", "每行一个：10.0.0.0/8、192.0.2.7 或 2001:db8::/32；来自其他地址将被拒绝")/>
                <SubmitButton text=t("Make the token", "创建令牌")/>
            </PostForm>
        </Panel>
    }
    .into_any()
}
