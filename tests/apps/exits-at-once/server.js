console.error("no configuration, giving up");
process.exit(3);
