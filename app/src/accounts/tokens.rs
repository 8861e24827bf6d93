//! One's own API tokens: made here, shown once, revoked here.

use leptos::prelude::*;

use super::calls::{CreateToken, RevokeToken};
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
    view! {
        <Callout tone=Tone::Held>
            <p><b>{t("Copy the token now: it is shown this once.", "请立即复制令牌：仅显示这一次。")}</b></p>
            <p class="secret"><code class="mono">{secret.clone()}</code><CopyButton text=secret what=t("token", "令牌")/></p>
        </Callout>
    }
    .into_any()
}

fn row(token: Token, revoke: ServerAction<RevokeToken>) -> AnyView {
    let now = use_now().get_untracked();
    let over = now.is_some_and(|now| token.expires < now);
    let (tone, word) = match (token.revoked.is_some(), over) {
        (true, _) => (Tone::Idle, t("revoked", "已撤销")),
        (_, true) => (Tone::Idle, t("expired", "已过期")),
        _ => (Tone::Ok, t("active", "有效")),
    };
    let id = token.id.to_string();
    let end = (tone == Tone::Ok).then(|| {
        view! {
            <PostForm action=revoke class="" id="revoke" quiet=true>
                <Hidden name="token_id" value=id/>
                <SubmitButton text=t("Revoke", "撤销") kind=ButtonKind::Small/>
            </PostForm>
        }
    });
    view! {
        <tr>
            <Cell>{token.name}</Cell>
            <Cell label=t("May", "权限")>{scope_word(token.scope)}</Cell>
            <Cell label=t("State", "状态")><Status tone=tone text=word/></Cell>
            <Cell label=t("Ends", "到期")><When at=token.expires brief=true/></Cell>
            <Cell label=t("Last used", "最近使用")>{match token.last_used {
                Some(at) => view! { <When at=at brief=true/> }.into_any(),
                None => t("never", "从未").into_any(),
            }}</Cell>
            <Cell>{end}</Cell>
        </tr>
    }
    .into_any()
}

/// The list and the form.
#[must_use]
pub fn tokens_panel(
    tokens: Vec<Token>,
    made: Option<String>,
    create: ServerAction<CreateToken>,
    revoke: ServerAction<RevokeToken>,
) -> AnyView {
    let cols = vec![
        Col::text(t("Name", "名称")),
        Col::text(t("May", "权限")),
        Col::text(t("State", "状态")),
        Col::text(t("Ends", "到期")),
        Col::text(t("Last used", "最近使用")),
        Col::actions(),
    ];
    let empty = tokens.is_empty();
    let rows = tokens.into_iter().map(|token| row(token, revoke)).collect_view();
    let value = create.value();
    let just_made = move || value.get().and_then(Result::ok).map(|made| secret_once(made.secret));
    view! {
        <Panel title=t("Tokens for programs", "程序令牌") note=t("within your own rights; they never vote", "不超出您的权限，不可审批")>
            {made.map(secret_once)}
            {just_made}
            {if empty {
                view! { <p class="note">{t("You have no token.", "您没有令牌。")}</p> }.into_any()
            } else {
                view! { <DataTable caption=t("Tokens", "令牌") cols=cols>{rows}</DataTable> }.into_any()
            }}
        </Panel>
        <Panel title=t("Make a token", "创建令牌") padded=true>
            <PostForm action=create prefix="form" id="token">
                <Field name="name" label=t("What it is for", "用途") placeholder="ci"/>
                <div class="two">
                    <Select name="scope" label=t("It may", "权限") options=vec![("read".to_owned(), t("read", "只读").to_owned()), ("write".to_owned(), t("read and write", "读写").to_owned())] value="read"/>
                    <Field name="days" label=t("Days until it ends, at most 365", "有效天数，最多 365") kind="number" min="1" max="365" value="90"/>
                </div>
                <SubmitButton text=t("Make the token", "创建令牌")/>
            </PostForm>
        </Panel>
    }
    .into_any()
}
