//! Whatever packets come and however their answers come home, acknowledgements leave in the order
//! of the PUBLISHes, none for what was not settled, and no more is owed than was agreed.
#![no_main]
#[path = "../interpreter.rs"]
mod interpreter;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&shape, script)) = bytes.split_first() else {
        return;
    };
    let mut bench = interpreter::Bench::new(shape);
    script
        .chunks(2)
        .for_each(|step| bench.step(step[0], step.get(1).copied().unwrap_or(0)));
    bench.finish();
});
