//! What people do to their Harbor.

use std::collections::BTreeMap;

use bytes::Bytes;
use harbor_sim::images::{self, Image, Layer, Spec};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use registry::Reference;
use vocab::Digest;

use super::model::{PROJECTS, REPOSITORIES, TAGS};
use super::world::World;
use crate::push;

/// Layers that many images share.
const SHARED_LAYERS: u32 = 12;
/// Largest layer before packing, in bytes.
const LAYER_BYTES_MAX: usize = 3_000;

pub fn project(rng: &mut StdRng) -> &'static str {
    PROJECTS[rng.random_range(0..PROJECTS.len())]
}

fn repository(project: &str, rng: &mut StdRng) -> String {
    format!("{project}/{}", REPOSITORIES[rng.random_range(0..REPOSITORIES.len())])
}

fn tag(rng: &mut StdRng) -> &'static str {
    TAGS[rng.random_range(0..TAGS.len())]
}

fn image(rng: &mut StdRng) -> Image {
    let number: u32 = rng.random();
    let layer = |rng: &mut StdRng| -> Layer {
        let seed = if rng.random_bool(0.5) { format!("shared {}", rng.random_range(0..SHARED_LAYERS)) } else { format!("own {number}") };
        // The size is part of the layer, so a shared one has always the same.
        let size_bytes = seed.bytes().map(usize::from).sum::<usize>() * 37 % LAYER_BYTES_MAX + 1;
        images::random_layer(&seed, "data.bin", size_bytes)
    };
    let layers: Vec<Layer> = (0..rng.random_range(1..4)).map(|_| layer(rng)).collect();
    let (docker, number) = (rng.random_bool(0.2), number.to_string());
    images::image(&Spec { architecture: "amd64", command: &["/bin/true"], labels: &[("n", &number)], layers: &layers, docker })
}

fn one_of<T: Copy>(all: impl Iterator<Item = T>, rng: &mut StdRng) -> Option<T> {
    all.collect::<Vec<_>>().choose(rng).copied()
}

/// Where to, and what: chosen first, so that the model can be told what a backup beside it may see.
pub struct Push {
    pub project: &'static str,
    repository: String,
    tag: &'static str,
    image: Image,
}

impl Push {
    pub fn any(project: &'static str, rng: &mut StdRng) -> Self {
        Self { project, repository: repository(project, rng), tag: tag(rng), image: image(rng) }
    }

    pub async fn send(&self, client: &registry::Client) {
        push::image(client, &self.repository, Some(self.tag), &self.image).await;
    }

    pub fn tell(&self, world: &mut World) {
        let digest = world.model.learn_image(&self.image);
        let state = world.model.state(self.project);
        state.artifacts.insert((self.repository.clone(), digest));
        state.tags.insert((self.repository.clone(), self.tag.to_owned()), digest);
        if !world.model.images.iter().any(|image| image.manifest == self.image.manifest) {
            world.model.images.push(self.image.clone());
        }
    }
}

pub async fn push(world: &mut World, rng: &mut StdRng) {
    let push = Push::any(project(rng), rng);
    push.send(&world.client).await;
    push.tell(world);
}

/// The same image somewhere else: all its layers are known.
pub async fn push_again(world: &mut World, rng: &mut StdRng) {
    let Some(image) = world.model.images.choose(rng).cloned() else { return };
    let push = Push { image, ..Push::any(project(rng), rng) };
    push.send(&world.client).await;
    push.tell(world);
}

/// Two images and an index over them.
pub async fn push_index(world: &mut World, rng: &mut StdRng) {
    let (project, tag) = (project(rng), tag(rng));
    let repository = repository(project, rng);
    let (one, two) = (image(rng), image(rng));
    let index = images::index(&[&one, &two]);
    let mut children = Vec::new();
    for image in [&one, &two] {
        push::image(&world.client, &repository, None, image).await;
        children.push(world.model.learn_image(image));
    }
    push::manifest(&world.client, &repository, Some(tag), &index).await;
    let digest = world.model.learn_index(&index, children.clone());
    let state = world.model.state(project);
    state.artifacts.extend(children.into_iter().chain([digest]).map(|digest| (repository.clone(), digest)));
    state.tags.insert((repository, tag.to_owned()), digest);
}

/// Another tag on what is there, or a tag moved to it.
pub async fn retag(world: &mut World, rng: &mut StdRng) {
    let (project, tag) = (project(rng), tag(rng));
    let artifacts = world.model.projects[project].artifacts.clone();
    let Some((repository, digest)) = one_of(artifacts.iter(), rng).cloned() else { return };
    let known = world.model.known[&digest].clone();
    let reference = Reference::Tag(push::tag(tag));
    world.client.manifest_put(&push::repository(&repository), &reference, &known.media_type, Bytes::clone(&known.bytes)).await.unwrap();
    world.model.state(project).tags.insert((repository, tag.to_owned()), digest);
}

pub async fn delete_tag(world: &mut World, rng: &mut StdRng) {
    let project = project(rng);
    let tags = world.model.projects[project].tags.clone();
    let Some((repository, tag)) = one_of(tags.keys(), rng).cloned() else { return };
    world.client.delete_tag(&push::repository(&repository), &push::tag(&tag)).await.unwrap();
    world.model.state(project).tags.remove(&(repository, tag));
}

pub async fn delete_artifact(world: &mut World, rng: &mut StdRng) {
    let project = project(rng);
    let artifacts = world.model.projects[project].artifacts.clone();
    let roots = artifacts.iter().filter(|(repository, digest)| !world.model.is_child(project, repository, digest));
    let Some((repository, digest)) = one_of(roots, rng).cloned() else { return };
    world.client.delete_artifact(&push::repository(&repository), &Reference::Digest(digest)).await.unwrap();
    world.model.delete_artifact(project, &repository, digest);
}

pub async fn delete_repository(world: &mut World, rng: &mut StdRng) {
    let project = project(rng);
    let state = world.model.state(project);
    let Some(repository) = one_of(state.artifacts.iter().map(|(repository, _)| repository), rng).cloned() else { return };
    state.artifacts.retain(|(r, _)| *r != repository);
    state.accessories.retain(|(r, _), _| *r != repository);
    state.tags.retain(|(r, _), _| *r != repository);
    world.client.delete_repository(&push::repository(&repository)).await.unwrap();
}

/// A list of packages about something that is there.
pub async fn refer(world: &mut World, rng: &mut StdRng) {
    let project = project(rng);
    let artifacts = world.model.projects[project].artifacts.clone();
    let Some((repository, subject)) = one_of(artifacts.iter(), rng).cloned() else { return };
    let known = &world.model.known[&subject];
    let about = images::Blob::new(&known.media_type, known.bytes.clone());
    let image = images::referrer(&about, images::SPDX, &images::spdx(&rng.random::<u16>().to_string(), &["libc"]));
    push::image(&world.client, &repository, None, &image).await;
    let digest: Digest = world.model.learn_image(&image);
    world.model.state(project).accessories.insert((repository, digest), subject);
}

pub async fn settings(world: &mut World, rng: &mut StdRng) {
    let (project, public) = (project(rng), rng.random_bool(0.5));
    let metadata = BTreeMap::from([("public".to_owned(), public.to_string())]);
    world.client.update_project_metadata(&project.parse().unwrap(), &metadata).await.unwrap();
    world.model.state(project).public = public;
}
