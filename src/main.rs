//! The program: reads the command line; nothing else.

fn main() -> std::process::ExitCode {
    shipgate::cli::main()
}
