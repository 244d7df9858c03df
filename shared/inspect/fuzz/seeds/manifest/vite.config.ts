vite.config.ts
export default defineConfig({ build: { outDir: 'public' }, base: "/x" })
