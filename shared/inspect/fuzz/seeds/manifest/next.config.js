next.config.js
module.exports = { output: 'export', distDir: `out`, /* c */ }
