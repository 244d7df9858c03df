server.js
const port = process.env.PORT || 3000;
app.get('/healthz', f); app.listen(port); x(process.env['A_KEY'])
