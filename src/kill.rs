//! The same program under another name, so that it can be built with kill points beside the one that is shipped.
//! Not here: anything that `main` has not.

fn main() -> std::process::ExitCode {
    shipgate::cli::main()
}
