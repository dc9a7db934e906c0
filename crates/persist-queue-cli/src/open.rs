//! The arguments that say which queue is meant, and what its items are.

use persist_queue::Error;
use persist_queue::any::{AnyQueue, AnyView, Locator, Opening};

use crate::failure::{Failure, Result};
use crate::serializer::Serializer;

/// A queue, and how its items are serialized.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Source {
    /// The queue: a path or a URL
    #[arg(value_name = "QUEUE")]
    pub(crate) queue: Locator,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Format {
    /// How items are serialized [default: as the queue remembers; pickle where it remembers nothing]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) serializer: Option<Serializer>,
}

impl Format {
    /// The serializer of a queue that remembers `stored`.
    pub(crate) fn of(self, queue: &Locator, stored: Option<&str>) -> Result<Serializer> {
        match (self.serializer, stored) {
            // Its bytes can be had of every queue.
            (Some(Serializer::Raw), _) => Ok(Serializer::Raw),
            (Some(asked), Some(stored)) if asked.name() != stored => {
                let path = queue.path().map(std::path::Path::to_owned).unwrap_or_default();
                let (stored, asked) = (stored.to_owned(), asked.name().to_owned());
                Err(Error::CodecMismatch { path, stored, asked }.into())
            }
            (Some(asked), _) => Ok(asked),
            (None, None) => Ok(Serializer::Pickle),
            (None, Some(stored)) => Serializer::of_name(stored).ok_or_else(|| {
                Failure::failed(format!(
                    "{queue} was written with the serializer '{stored}', which is not known here; \
                     with --serializer raw its items are bytes"
                ))
            }),
        }
    }

    /// As [`Format::of`]; what is not known is shown as bytes.
    pub(crate) fn to_look(self, queue: &Locator, stored: Option<&str>) -> Result<Serializer> {
        match (self.serializer, stored) {
            (None, Some(stored)) => Ok(Serializer::of_name(stored).unwrap_or(Serializer::Raw)),
            _ => self.of(queue, stored),
        }
    }
}

impl Source {
    /// Opens it to take items.
    pub(crate) fn open(&self) -> Result<(AnyQueue, Serializer)> {
        let queue = AnyQueue::open(&self.queue, &Opening::new())?;
        let serializer = self.format.of(&self.queue, queue.codec())?;
        Ok((queue, serializer))
    }

    /// Opens it to look.
    pub(crate) fn look(&self) -> Result<(AnyView, Serializer)> {
        let view = AnyView::open(&self.queue)?;
        let serializer = self.format.to_look(&self.queue, view.codec())?;
        Ok((view, serializer))
    }
}
