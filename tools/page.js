// The page: src/page/, bundled into one HTML file, build/page/wire.html. channel.wasm is not in it yet, for the package has it already:
// `nopki wire` puts it in.

import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = new URL('../', import.meta.url)
const OUT = new URL('build/page/', ROOT)

const { outputFiles } = await build({
  entryPoints: [
    fileURLToPath(new URL('src/page/view/main.tsx', ROOT)),
    fileURLToPath(new URL('src/page/view/style.css', ROOT)),
  ],
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'es2023',
  platform: 'browser',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  outdir: fileURLToPath(OUT),
  write: false,
})
const text = (/** @type {string} */ ending) => outputFiles.find(it => it.path.endsWith(ending))?.text.trim() ?? ''
const script = text('.js').replaceAll('</script', '<\\/script')
const hash = createHash('sha256').update(script).digest('base64')
const policy = `default-src 'none'; script-src 'sha256-${hash}' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'`

mkdirSync(OUT, { recursive: true })
writeFileSync(
  new URL('wire.html', OUT),
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>nopki, on the wire</title>
<link rel="icon" href="data:,">
<style>${text('.css')}</style>
</head>
<body>
<div id="root"></div>
<script type="application/octet-stream" id="wasm"></script>
<script type="application/json" id="recording"></script>
<script>${script}</script>
</body>
</html>
`,
)
