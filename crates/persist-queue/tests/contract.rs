//! What a queue promises to the threads of one process, on a real disk.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "contract/finishing.rs"]
mod finishing;
#[path = "contract/objects.rs"]
mod objects;
#[path = "contract/refused.rs"]
mod refused;
#[path = "contract/single.rs"]
mod single;
#[path = "contract/text.rs"]
mod text;
#[path = "contract/threads.rs"]
mod threads;
#[path = "contract/waiting.rs"]
mod waiting;
