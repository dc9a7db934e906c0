//! The queues all have methods of nearly the same names: what makes backends of them. What differs is given with
//! the type.

/// How such a queue is opened.
macro_rules! options {
    ($options:ty, $queue:expr, $wanted:expr) => {{
        let (queue, wanted) = ($queue, $wanted);
        let mut options = <$options>::new()
            .name(queue)
            .kind(wanted.kind)
            .maxsize(wanted.maxsize)
            .auto_commit(!wanted.batch);
        if let Some(lease) = wanted.lease {
            options = options.lease(lease);
        }
        if let Some(attempts) = wanted.max_attempts {
            options = options.max_attempts(attempts);
        }
        if let Some(backoff) = wanted.backoff {
            options = options.backoff(backoff);
        }
        if let Some(ttl) = wanted.ttl {
            options = options.ttl(ttl);
        }
        options
    }};
}

/// A typed queue without acknowledgements.
macro_rules! plain {
    ([$($generics:tt)*] $queue:ty { $($more:tt)* }) => {
        impl<$($generics)*> $crate::backend::Plain for $queue {
            fn put(&self, item: &str, wait: Wait) -> Result<bool> {
                let put = self.put_with(item.to_owned(), 0, wait);
                put.map(|id| id.is_some()).map_err(|rejected| rejected.error)
            }
            fn put_with_priority(&self, item: &str, priority: i64) -> Opened<()> {
                let put = self.put_with(item.to_owned(), priority, Wait::No);
                unless_refused(put.map(drop).map_err(|rejected| rejected.error))
            }
            fn put_many(&self, items: &[&str]) -> Result<()> {
                let items = items.iter().map(|item| (*item).to_owned()).collect();
                self.put_many(items, Wait::No).map(drop).map_err(|rejected| rejected.error)
            }
            fn get(&self, wait: Wait) -> Result<Option<String>> {
                self.get_with(wait, persist_queue::sql::Which::Next)
            }
            fn get_many(&self, most: usize, wait: Wait) -> Result<Vec<String>> {
                self.get_many(most, wait)
            }
            fn join(&self) -> Result<()> {
                self.join(Wait::Forever).map(drop)
            }
            fn len(&self) -> Result<u64> {
                self.len()
            }
            fn is_empty(&self) -> Result<bool> {
                self.is_empty()
            }
            fn purge(&self) -> Result<u64> {
                self.purge()
            }
            fn close(&self) -> Result<()> {
                self.close()
            }
            $($more)*
        }
    };
}

/// The same for tasks.
macro_rules! tasks {
    ([$($generics:tt)*] $queue:ty { $($more:tt)* }) => {
        impl<$($generics)*> $crate::backend::Tasks for $queue {
            fn put(&self, item: &str) -> Later<'_, ()> {
                let item = item.to_owned();
                Box::pin(async move {
                    self.put(item).await.map(drop).map_err(|rejected| rejected.error)
                })
            }
            fn get(&self) -> Later<'_, String> {
                Box::pin(self.get())
            }
            fn len(&self) -> Later<'_, u64> {
                Box::pin(self.len())
            }
            $($more)*
        }
    };
}

/// A typed queue with acknowledgements.
macro_rules! acks {
    ([$($generics:tt)*] $queue:ty { $($more:tt)* }) => {
        impl<$($generics)*> $crate::backend::Acks for $queue {
            fn put(&self, item: &str, options: PutOptions) -> Result<bool> {
                let put = self.put_with(item.to_owned(), options, Wait::No);
                put.map(|id| id.is_some()).map_err(|rejected| rejected.error)
            }
            fn get(&self, wait: Wait, lease: Option<Duration>) -> Result<Option<Box<dyn Held + '_>>> {
                let held = self.get_with(wait, persist_queue::sql::Which::Next, lease)?;
                Ok(held.map(|held| Box::new(held) as Box<dyn Held + '_>))
            }
            fn get_and_ack_many(&self, most: usize) -> Result<Vec<String>> {
                let held = self.get_many(most, Wait::No, None)?;
                self.ack_many(held)?.into_iter().collect()
            }
            fn len(&self) -> Result<u64> {
                self.len()
            }
            fn count(&self, status: Status) -> Result<u64> {
                self.count(status)
            }
            fn dead_letters(&self) -> Result<Vec<(i64, String)>> {
                let letters = self.dead_letters()?;
                letters.into_iter().map(|(id, item)| Ok((id, item?))).collect()
            }
            fn requeue_dead(&self, ids: &[i64]) -> Result<u64> {
                self.requeue_dead(ids)
            }
            fn drop_dead(&self, ids: &[i64]) -> Result<u64> {
                self.drop_dead(ids)
            }
            fn close(&self) -> Result<()> {
                self.close()
            }
            $($more)*
        }
    };
}

/// The same for tasks.
macro_rules! ack_tasks {
    ([$($generics:tt)*] $queue:ty) => {
        impl<$($generics)*> $crate::backend::AckTasks for $queue {
            fn put(&self, item: &str) -> Later<'_, ()> {
                let item = item.to_owned();
                Box::pin(async move {
                    self.put(item).await.map(drop).map_err(|rejected| rejected.error)
                })
            }
            fn get_and(&self, fate: Fate) -> Later<'_, (String, u32)> {
                Box::pin(async move {
                    let held = self.get().await?;
                    let told = ((*held).clone(), held.attempts());
                    match fate {
                        Fate::Ack => drop(held.ack().await?),
                        Fate::Nack => held.nack().await?,
                        Fate::Fail => held.fail().await?,
                        Fate::Drop => drop(held),
                    }
                    Ok(told)
                })
            }
            fn count(&self, status: Status) -> Result<u64> {
                self.queue().count(status)
            }
        }
    };
}

/// What a queue with acknowledgements hands out.
macro_rules! held {
    ([$($generics:tt)*] $queue:ty { $($more:tt)* }) => {
        impl<$($generics)*> $crate::backend::Held for $queue {
            fn item(&self) -> &str {
                self
            }
            fn attempts(&self) -> u32 {
                self.attempts()
            }
            fn ack(self: Box<Self>) -> Result<String> {
                (*self).ack()
            }
            fn nack(self: Box<Self>) -> Result<()> {
                (*self).nack()
            }
            fn nack_after(self: Box<Self>, delay: Duration) -> Result<()> {
                (*self).nack_after(delay)
            }
            fn fail(self: Box<Self>) -> Result<()> {
                (*self).fail()
            }
            fn extend(&self, lease: Duration) -> Result<()> {
                self.extend(lease)
            }
            $($more)*
        }
    };
}

/// All queues of a database.
macro_rules! in_database {
    ([$($generics:tt)*] $plain:ty, $tasks:ty, $acks:ty, $ack_tasks:ty, $held:ty) => {
        plain!([$($generics)*] $plain {
            fn task_done(&self) -> Result<()> {
                self.task_done()
            }
        });
        tasks!([$($generics)*] $tasks {
            fn get_timeout(&self, time: Duration) -> Later<'_, Option<String>> {
                Box::pin(self.get_timeout(time))
            }
            fn close(&self) -> Later<'_, ()> {
                Box::pin(self.close())
            }
        });
        acks!([$($generics)*] $acks {
            fn clear_acked(&self, keep: u64) -> Opened<u64> {
                unless_refused(self.clear_acked(None, keep))
            }
        });
        ack_tasks!([$($generics)*] $ack_tasks);
        held!([] $held {
            fn nack_to_back(self: Box<Self>) -> Opened<()> {
                unless_refused((*self).nack_to_back())
            }
        });
    };
}

pub(crate) use {ack_tasks, acks, held, in_database, options, plain, tasks};
