// Gives the files that npm packs one mode, whatever the umask was when they were made: so the tarball has the same bytes everywhere.
//
//   node tools/modes.js [FOLDER]

import { execFileSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.argv[2] ?? '.'
const out = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: folder, encoding: 'utf8' })
const [{ files }] = JSON.parse(out)
for (const { path } of files) chmodSync(join(folder, path), 0o644)
