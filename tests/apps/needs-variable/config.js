if (!process.env.DATABASE_URL) {
  console.error("DATABASE_URL is required");
  process.exit(1);
}

exports.level = process.env.LOG_LEVEL || "info";
