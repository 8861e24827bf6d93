//! Why a call is refused: what is at fault with a form or request.

use crate::sentence::{en, sentences, zh};
use crate::text::Lang::ZhCn;
use crate::units::{count, listed, some};

sentences! {
    /// Why a call is refused.
    pub enum General {
        /// No such page of a list.
        NoPage => ("not a page of this list"), ("此列表没有该页");
        /// A word that is none of these.
        OneOf {
            /// The words.
            words: Vec<String>,
        } => ("one of {}", words.join(", ")), ("须为以下之一：{}", listed(ZhCn, words));
        /// Too long.
        AtMostChars {
            /// Characters.
            most: i64,
        } => ("use at most {}", some(*most, "character", "characters")), ("最多 {} 个字符", count(*most));
        /// Too many.
        AtMostLines {
            /// Lines.
            most: i64,
        } => ("at most {}", some(*most, "line", "lines")), ("最多 {} 行", count(*most));
        /// Not typed.
        Confirm {
            /// What.
            name: String,
        } => ("type {name} to confirm"), ("请输入 {name} 以确认");
        /// No time.
        TimeForm => ("write a time as 2026-11-23 or 2026-11-23T09:30:00Z"), ("时间请写作 2026-11-23 或 2026-11-23T09:30:00Z");
        /// Too much to read.
        TooBroad => ("this search reads too much of the history; name a time, a person or an action too"), ("此查询需读取的记录过多；请同时指定时间、人员或动作");
        /// A defect.
        Internal => ("something went wrong; quote the request id to your operator"), ("出现错误，请将请求编号告知运维人员");
        /// Nobody knows.
        OutcomeUnknown => ("the database did not say whether this was done; look, or ask again with the same Idempotency-Key, which does nothing twice"), ("数据库未确认是否已完成；请先查看，或用相同的 Idempotency-Key 重新提交（不会重复执行）");
        /// The database is away.
        DatabaseAway => ("the database is not available at this moment; nothing was changed, try again"), ("数据库暂时不可用；未作任何更改，请重试");
        /// A character.
        BadCharacter => ("a field holds a character that cannot be stored; remove it and try again"), ("字段中含有无法存储的字符；请删除后重试");
        /// A value.
        Unstorable => ("a value cannot be stored as it is: it is too long, too large or of another kind than is expected"), ("某个值无法存储：过长、过大或类型不符");
        /// A slow line.
        TooSlow => ("the request came too slowly; try again on a better line"), ("请求传输过慢，请在网络较好时重试");
        /// A large request.
        RequestLarge => ("the request is larger than anything here needs"), ("请求过大");
        /// No key.
        KeyForm {
            /// Characters.
            most: i64,
        } => ("an Idempotency-Key is 1 to {}", some(*most, "printable character", "printable characters")), ("Idempotency-Key 为 1 至 {} 个可打印字符", count(*most));
        /// Twice at once.
        DoneBefore => ("the same request was made at the same time and is done; nothing was done again"), ("相同请求已同时提交并完成，未重复执行");
        /// Another request.
        KeyUsed => ("this Idempotency-Key was given to another request; give each its own"), ("该 Idempotency-Key 已用于其他请求，请每个请求使用各自的键");
        /// No page.
        NoSuchPage => ("there is no such page; look at its address"), ("没有此页面；请检查其地址");
        /// Too much at once.
        Turns => ("you have several of these going on already; wait until one has ended, then try again"), ("您已有多个同类操作正在进行；请等待其中之一结束后重试");
        /// A call that cannot be read.
        Unreadable {
            /// What its reader says.
            why: String,
        } => ("the call cannot be read: {why}"), ("无法读取此请求：{why}");
        /// An address, place or certificate.
        CannotBeUsed {
            /// What is wrong with it.
            why: String,
        } => ("{why}"), ("不可用：{why}");
        /// Too long.
        CertificateLong => ("this is too long for a certificate"), ("作为证书过长");
        /// A form that cannot be read.
        FormUnreadable => ("the form could not be read; reload the page and try again"), ("表单无法读取，请重新加载页面后再试");
        /// No connection.
        Unreached => ("Breakwater cannot be reached; check the connection and try again"), ("无法连接 Breakwater，请检查网络后重试");
        /// A defect.
        ServerFault => ("something went wrong on the server"), ("服务器内部错误");
        /// It is not there, or nobody may tell.
        NoSuch {
            /// What.
            what: Thing,
        } => ("there is no such {}, or it is not visible to you", en(what)), ("没有此{}，或您无权查看", zh(what));
    }

    /// Something that is looked for.
    pub enum Thing {
        /// An account.
        Account => ("account"), ("账号");
        /// An acceptance.
        Acceptance => ("acceptance"), ("接受记录");
        /// An artifact.
        Artifact => ("artifact"), ("制品");
        /// An audit event.
        AuditEvent => ("audit event"), ("审计记录");
        /// A draft.
        Draft => ("draft"), ("草稿");
        /// A harbor.
        Harbor => ("harbor"), ("Harbor");
        /// A hold.
        Hold => ("hold"), ("锁定");
        /// A job.
        Job => ("job"), ("任务");
        /// An object.
        Object => ("object"), ("对象");
        /// A page.
        Page => ("page"), ("页面");
        /// A plan.
        Plan => ("plan"), ("备份计划");
        /// A project.
        Project => ("project"), ("项目");
        /// A repository.
        Repository => ("repository"), ("仓库");
        /// A request.
        Request => ("request"), ("申请");
        /// A session.
        Session => ("session"), ("会话");
        /// A snapshot.
        Snapshot => ("snapshot"), ("快照");
        /// A token.
        Token => ("token"), ("令牌");
        /// A vault.
        Vault => ("vault"), ("保管库");
    }
}
