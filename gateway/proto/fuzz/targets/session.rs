//! Whatever packets and messages come and however answers come home, acknowledgements leave in the
//! order of the PUBLISHes, none for what was not settled; no packet id is given twice, no more is
//! in flight than was agreed; and the journal tells all of it.
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
