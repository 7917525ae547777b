//! Who goes first when the processors are busy: sound, then the loop with its buttons and relays, then everything else.
//!
//! The companion inside the daemon runs in the loop and goes first with it; its limits on connections and messages bound that.
//! A software encoder takes all that it can get. A press must not wait for it, nor a door's pulse grow longer by it.

use thread_priority::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue,
    ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// Below the sound threads', which have less time.
const PROMPT: u8 = 10;

/// Niceness 0 on the crate's own scale from 0 to 99.
const NICENESS_0: u8 = 48;

/// Lets the calling thread, and those that it starts from now on, go before all that are not real-time ones, where the
/// process may (`LimitRTPRIO=` of the unit).
pub(crate) fn be_prompt() {
    let priority = ThreadPriorityValue::try_from(PROMPT).map_or(ThreadPriority::Min, ThreadPriority::Crossplatform);
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), priority, policy) {
        tracing::debug!(%error, "the loop runs without real-time scheduling");
    }
}

/// Lets the calling thread, and those that it starts from now on, wait for their turn.
pub(crate) fn be_patient() {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    let priority = ThreadPriorityValue::try_from(NICENESS_0).map_or(ThreadPriority::Min, ThreadPriority::Crossplatform);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), priority, policy) {
        tracing::debug!(%error, "a thread keeps the loop's scheduling");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Niceness and scheduling policy of the calling thread: fields 19 and 41 of proc(5)'s stat.
    fn scheduling() -> (i64, i64) {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        // The fields after the name, which may hold anything, and the state, which is a letter.
        let rest = stat.rsplit(')').next().unwrap().split_whitespace().skip(1);
        let fields: Vec<i64> = rest.map(|field| field.parse().unwrap_or(0)).collect();
        (fields[19 - 4], fields[41 - 4])
    }

    #[test]
    fn a_thread_that_a_prompt_one_starts_can_be_patient() {
        let scheduled = std::thread::spawn(|| {
            be_prompt();
            let inherited = std::thread::spawn(|| {
                be_patient();
                scheduling()
            });
            (scheduling(), inherited.join().unwrap())
        });
        let (prompt, patient) = scheduled.join().unwrap();
        assert_eq!(patient, (0, i64::from(libc::SCHED_OTHER)));
        // Without the right to it, the thread stays as it was.
        assert!([i64::from(libc::SCHED_RR), i64::from(libc::SCHED_OTHER)].contains(&prompt.1), "{prompt:?}");
    }
}
