//! Events of accounts, sessions and tokens.

use crate::sentence::{Sentence, sentences};
use crate::text::Lang;
use crate::text::Lang::{En, ZhCn};
use crate::units::{count, some};

sentences! {
    /// Somebody who keeps one duty of several.
    pub enum Alone {
        /// An operator.
        OperatorAlone {
            /// Who.
            login: String,
        } => ("{login} is operator alone"), ("{login} 仅为系统管理员");
        /// A security officer.
        SecadminAlone {
            /// Who.
            login: String,
        } => ("{login} is security officer alone"), ("{login} 仅为安全管理员");
        /// An auditor.
        AuditorAlone {
            /// Who.
            login: String,
        } => ("{login} is auditor alone"), ("{login} 仅为审计员");
    }

    /// An event of accounts.
    pub enum AccountEvent {
        /// A sign-in.
        SignedIn {
            /// Who.
            login: String,
        } => ("{login} signed in"), ("{login} 登录");
        /// The end of it.
        SignedOut {
            /// Who.
            login: String,
        } => ("{login} signed out"), ("{login} 退出登录");
        /// A sign-in that failed.
        SignInFailed {
            /// As whom.
            login: String,
        } => ("failed to sign in as {login}"), ("以 {login} 登录失败");
        /// The same, of nobody here; what was typed may be a password.
        SignInFailedUnknown => ("failed to sign in as an unknown name"), ("以未知用户名登录失败");
        /// Too many of these.
        SignInThrottled {
            /// As whom.
            login: String,
        } => ("was kept from trying to sign in as {login} for a while"), ("以 {login} 登录尝试过多，被暂时限制");
        /// The same, of nobody here.
        SignInThrottledUnknown => ("was kept from trying to sign in as an unknown name for a while"), ("以未知用户名登录尝试过多，被暂时限制");
        /// A password given once more.
        PasswordAgain {
            /// Who.
            login: String,
        } => ("{login} entered the password again"), ("{login} 再次输入了密码");
        /// A wrong one.
        PasswordWrong {
            /// Who.
            login: String,
        } => ("{login} entered a wrong password"), ("{login} 输入了错误的密码");
        /// One session ended.
        SessionEnded {
            /// Which.
            session: i64,
            /// Whose.
            login: String,
        } => ("ended session {session} of {login}"), ("结束了 {login} 的会话 {session}");
        /// Several did.
        SessionsEnded {
            /// How many.
            sessions: i64,
            /// Whose.
            login: String,
        } => ("ended {} of {login}", some(*sessions, "session", "sessions")), ("结束了 {login} 的 {} 个会话", count(*sessions));
        /// A new account.
        AccountMade {
            /// Whose.
            login: String,
        } => ("made the account {login}"), ("创建账号 {login}");
        /// Other rights.
        RolesChanged {
            /// Whose.
            login: String,
        } => ("changed the roles of {login}"), ("更改 {login} 的角色");
        /// An account that may not sign in.
        AccountOff {
            /// Whose.
            login: String,
        } => ("switched off the account {login}"), ("停用账号 {login}");
        /// One that may again.
        AccountOn {
            /// Whose.
            login: String,
        } => ("switched on the account {login}"), ("启用账号 {login}");
        /// A password of somebody else's.
        PasswordReset {
            /// Whose.
            login: String,
        } => ("gave {login} a password that works once; sessions, tokens and open votes of the account ended"), ("为 {login} 设置一次性密码；该账号的会话、令牌与未决投票已失效");
        /// One's own.
        PasswordChanged {
            /// Whose.
            login: String,
        } => ("changed the password of {login}; its sessions and tokens ended"), ("更改 {login} 的密码，其会话与令牌已失效");
        /// A token that may write.
        WriteTokenMade {
            /// What it is called.
            name: String,
            /// Whose.
            login: String,
            /// For how long.
            days: i64,
        } => ("made the write token “{name}” of {login} for {}", some(*days, "day", "days")), ("创建读写令牌“{name}”，所有者 {login}，有效 {} 天", count(*days));
        /// A token that only reads.
        ReadTokenMade {
            /// What it is called.
            name: String,
            /// Whose.
            login: String,
            /// For how long.
            days: i64,
        } => ("made the read token “{name}” of {login} for {}", some(*days, "day", "days")), ("创建只读令牌“{name}”，所有者 {login}，有效 {} 天", count(*days));
        /// The end of a token.
        TokenEnded {
            /// What it was called.
            name: String,
            /// Whose.
            login: String,
        } => ("ended the token “{name}” of {login}"), ("撤销了 {login} 的令牌“{name}”");
        /// The end of the set-up.
        SetUpOver {
            /// Who lost duties by it.
            alone: Vec<Alone>,
        } => ("the set-up is over: three people hold the three duties{}", all(En, alone)), ("初始设置完成：三员已由三人分任{}", all(ZhCn, alone));
    }
}

fn all(lang: Lang, alone: &[Alone]) -> String {
    let each: Vec<String> = alone.iter().map(|one| one.say(lang)).collect();
    if each.is_empty() { String::new() } else { format!("{}{}", lang.pick("; ", "；"), each.join(lang.pick(", ", "，"))) }
}
