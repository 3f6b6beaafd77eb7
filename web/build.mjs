// build.mjs OUT MODULES - bundle src/ with the packages of MODULES (a node_modules) into OUT: index.html, login.html, assets/NAME-HASH.js and .css, each with
// a .gz beside it, and LICENSES.txt with the licences of the packages that are in the bundle.
//
// The page is served with a Content-Security-Policy without 'unsafe-inline'. xterm.js makes <style> elements and
// style attributes, which such a policy refuses; XTERM_EDITS replaces these few places by code that the policy
// permits (src/sheet.js). The build fails if a place is not found as often as expected.
import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const out = resolve(process.argv[2] ?? join(here, '../build/web'))
const modules = resolve(process.argv[3] ?? join(here, 'node_modules'))
const { build } = createRequire(join(modules, 'x'))('esbuild')

const XTERM_EDITS = [
  [/\b[\w.]+\.createElement\("style"\)/g, 'styleElement()', 3],
  [/(\w)\.setAttribute\("style",`\$\{\1\.getAttribute\("style"\)\|\|""\}\$\{(\w)\};`\)/g, '$1.style.cssText+=$2+";"', 1],
]

const xtermWithoutInlineStyles = {
  name: 'xterm-without-inline-styles',
  setup(b) {
    b.onLoad({ filter: /@xterm\/xterm\/lib\/xterm\.mjs$/ }, ({ path }) => {
      let text = readFileSync(path, 'utf8')
      for (const [find, put, times] of XTERM_EDITS) {
        const found = text.match(find)?.length ?? 0
        if (found !== times) throw new Error(`${path}: ${find} is there ${found} times, not ${times}`)
        text = text.replace(find, put)
      }
      const sheet = JSON.stringify(join(here, 'src/sheet.js'))
      return { contents: `import { styleElement } from ${sheet}\n${text}`, loader: 'js' }
    })
  },
}

rmSync(out, { recursive: true, force: true })
mkdirSync(join(out, 'assets'), { recursive: true })
const result = await build({
  absWorkingDir: here,
  entryPoints: { main: 'src/main.js', page: 'src/page.css', login: 'src/login.js' },
  outdir: join(out, 'assets'),
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  nodePaths: [modules],
  bundle: true,
  splitting: true,
  format: 'esm',
  target: ['chrome123', 'firefox120', 'safari17.5'],
  minify: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  plugins: [xtermWithoutInlineStyles],
})

// %NAME% in a page is the file of that entry point.
const files = {}
for (const [path, o] of Object.entries(result.metafile.outputs))
  if (o.entryPoint) files[basename(o.entryPoint)] = basename(path)
for (const page of ['index.html', 'login.html']) {
  const text = readFileSync(join(here, 'src', page), 'utf8').replace(/%([\w.]+)%/g, (_, name) => {
    if (!files[name]) throw new Error(`src/${page}: nothing was made of ${name}`)
    return files[name]
  })
  writeFileSync(join(out, page), text)
}

// The licence of every package from which a file is in any output.
const packages = new Set()
for (const path of Object.keys(result.metafile.inputs)) {
  const m = path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)
  if (m) packages.add(m[1])
}
let licences = 'Packages whose code is in assets/, with their licences. The sources are on npm under the same name and version.\n'
for (const name of [...packages].sort()) {
  const dir = join(modules, name)
  const { version, license, repository } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
  const url = (repository?.url ?? repository ?? '').replace(/^git\+/, '')
  licences += `\n${'='.repeat(78)}\n${name} ${version} (${license})\n${url}\n\n`
  for (const f of readdirSync(dir).filter(f => /^(licen[cs]e|authors)/i.test(f)).sort())
    licences += readFileSync(join(dir, f), 'utf8') + '\n'
}
writeFileSync(join(out, 'LICENSES.txt'), licences)
cpSync(join(here, 'src/favicon.svg'), join(out, 'assets/favicon.svg'))

let total = 0
for (const name of readdirSync(join(out, 'assets'))) {
  const path = join(out, 'assets', name)
  const zipped = gzipSync(readFileSync(path), { level: 9 })
  writeFileSync(`${path}.gz`, zipped)
  total += zipped.length
}
console.log(`web: ${Object.keys(result.metafile.outputs).length} files, ${(total / 1000).toFixed(0)} kB gzip, of ${[...packages].sort().join(', ')}`)
