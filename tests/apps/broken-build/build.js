console.log("compiling 3 files");
console.error("error: the third file is broken");
process.exit(1);
