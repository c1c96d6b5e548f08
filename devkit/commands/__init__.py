"""The commands of `./todo`, one module each; every module has `run(arguments) -> exit code`."""
