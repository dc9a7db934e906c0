#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| persist_queue_fuzz::url::check(input));
