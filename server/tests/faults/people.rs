//! A developer who asks for a restore and a lead who votes on it in the console.

use http::Method;
use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

/// A request that waits for a vote, and who votes.
pub struct Asked {
    /// Token of the author.
    pub dev: String,
    /// Session of the approver.
    pub lead: String,
    /// The draft, as the preview answered.
    pub draft: Value,
    /// The number it gets: they are given as drafts are sent off, and this is the first of its world.
    number: i64,
}

impl Asked {
    pub fn id(&self) -> i64 {
        self.number
    }

    fn path(&self) -> String {
        format!("/api/v1/restores/{}", self.id())
    }
}

/// Somebody with a connection of their own to the API.
#[derive(Clone)]
pub struct Client {
    pub http: reqwest::Client,
    pub base: String,
}

impl Client {
    /// One request with a token; an error is one of the connection.
    pub async fn ask(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<(u16, Value)> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await.unwrap_or_default()))
    }

    /// Signs in; answers with the status and the session, if there is one.
    pub async fn sign_in(&self, login: &str) -> (u16, Option<String>) {
        let form = [("form[login]", login), ("form[password]", PASSWORD)];
        let body =
            form.map(|(key, value)| format!("{}={}", key.replace('[', "%5B").replace(']', "%5D"), value.replace(' ', "+"))).join("&");
        let request = self.http.post(format!("{}/fn/session/in", self.base)).header(ORIGIN, &self.base);
        let answer = request.header("content-type", "application/x-www-form-urlencoded").body(body).send().await.unwrap();
        let cookie = answer.headers().get(SET_COOKIE).map(|c| c.to_str().unwrap().split(';').next().unwrap().to_owned());
        // A form answers with the page to go to; the sign-in page again means that it was refused.
        let inside = answer.headers().get(LOCATION).is_none_or(|place| !place.to_str().unwrap().contains("signin"));
        (answer.status().as_u16(), cookie.filter(|_| inside))
    }

    /// Sends a draft off.
    pub async fn submit(&self, asked: &Asked) -> reqwest::Result<(u16, Value)> {
        let form = json!({
            "draft_id": asked.draft["id"], "plan_hash": asked.draft["plan"]["hash"], "category": "accident", "reason": "deleted by mistake last night"
        });
        self.ask(&asked.dev, Method::POST, "/api/v1/restores", Some(form)).await
    }

    /// What the lead sends to approve what stands there now.
    pub async fn ballot(&self, asked: &Asked) -> Value {
        let (_, request) = self.ask(&asked.dev, Method::GET, &asked.path(), None).await.unwrap();
        json!({
            "request_id": asked.id(), "plan_hash": request["plan"]["hash"], "version": request["version"], "decision": "approve", "comment": ""
        })
    }

    /// Votes as the lead.
    pub async fn vote(&self, asked: &Asked, ballot: &Value) -> reqwest::Result<(u16, Value)> {
        let vote = self.http.post(format!("{}{}/votes", self.base, asked.path())).header(ORIGIN, &self.base).header(COOKIE, &asked.lead);
        let answer = vote.json(ballot).send().await?;
        Ok((answer.status().as_u16(), answer.json().await.unwrap_or_default()))
    }
}

impl World {
    /// Makes the developer and the lead, and a draft that brings these tags of `shop` back.
    pub async fn draft(&self, items: &[String]) -> Asked {
        self.run(&["admin", "create", "dev", "--grant", "requester prod/shop"], PASSWORD);
        self.run(&["admin", "create", "lead", "--grant", "approver prod/shop"], PASSWORD);
        let dev = self.token_of("dev");
        let (_, lead) = self.client().sign_in("lead").await;
        let timeline = self.get("/api/v1/projects/prod/shop").await;
        let newest = timeline["snapshots"].as_array().unwrap().last().unwrap()["moment"].clone();
        let form = json!({ "harbor": "prod", "project": "shop", "at": newest, "items": items.join("\n") });
        let (status, draft) = self.client().ask(&dev, Method::POST, "/api/v1/restores/preview", Some(form)).await.unwrap();
        assert_eq!(status, 200, "{draft}");
        assert_eq!(draft["plan"]["creates"].as_u64().unwrap(), items.len() as u64, "{draft}");
        Asked { dev, lead: lead.expect("the lead can sign in"), draft, number: 1 }
    }

    /// Asks for it and approves it; answers with its job.
    pub async fn approved(&self, asked: &Asked) -> i64 {
        let (status, answer) = self.client().submit(asked).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        let ballot = self.client().ballot(asked).await;
        let (status, answer) = self.client().vote(asked, &ballot).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        answer["job_id"].as_i64().unwrap()
    }

    /// The request as its author sees it.
    pub async fn request(&self, asked: &Asked) -> Value {
        self.client().ask(&asked.dev, Method::GET, &asked.path(), None).await.unwrap().1
    }

    /// Takes a repository out of the Harbor with all its tags; answers with what each pointed to.
    pub async fn lose(&self, repository: &str, tags: usize) -> Vec<(String, String)> {
        let mut lost = Vec::new();
        for number in 0..tags {
            let tag = format!("v{number}");
            let digest = self.tag(repository, &tag).await.unwrap();
            lost.push((format!("{repository}:{tag}"), digest));
        }
        let (project, name) = repository.split_once('/').unwrap();
        let (status, _) = self.harbor_api(Method::DELETE, &format!("/api/v2.0/projects/{project}/repositories/{name}")).await;
        assert_eq!(status, 200);
        lost
    }

    /// All of them point to what they did before they were lost.
    pub async fn are_back(&self, lost: &[(String, String)]) {
        for (item, digest) in lost {
            let (repository, tag) = item.split_once(':').unwrap();
            assert_eq!(self.tag(repository, tag).await.as_ref(), Some(digest), "{item}");
        }
    }
}

/// The names of what was lost, as a restore asks for them.
pub fn names(lost: &[(String, String)]) -> Vec<String> {
    lost.iter().map(|(item, _)| item.clone()).collect()
}
