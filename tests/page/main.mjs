// main.mjs SCENARIO LINK [ARGUMENT...] - drive the page of vm-web with Debian's Chromium
// (tests/86-web-page.bats). A scenario is a function of the files beside this one; it fails by throwing.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as guests from './guests.mjs'
import * as scenarios from './scenarios.mjs'
import { measure } from './measure.mjs'
import { patience } from './wait.mjs'

const modules = join(dirname(fileURLToPath(import.meta.url)), '../../build/npm/node_modules/x')
const { chromium } = createRequire(modules)('playwright-core')
const [name, link, ...args] = process.argv.slice(2)
const scenario = { ...scenarios, ...guests, measure }[name]
if (!scenario) throw new Error(`there is no scenario ${name}`)

// The paths and methods of docs/api.yaml: the page uses no others.
const api = []
for (const line of readFileSync(join(dirname(fileURLToPath(import.meta.url)), '../../docs/api.yaml'), 'utf8').split('\n')) {
  const path = line.match(/^ {2}(\/[^:]*):$/)
  const method = line.match(/^ {4}(get|post|delete):$/)
  if (path) api.push({ like: new RegExp(`^${path[1].replace(/\{[^}]*\}/g, '[^/]+')}$`), methods: [] })
  else if (method) api.at(-1)?.methods.push(method[1].toUpperCase())
}

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
const complaints = []

// The page in a new browser profile. Every problem that the browser reports fails the scenario: errors of scripts,
// violations of the Content-Security-Policy, requests to other hosts.
async function visit(options = {}, address = link) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true, permissions: ['clipboard-read', 'clipboard-write'], ...options })
  context.setDefaultTimeout(15000 * patience)
  const page = await context.newPage()
  const origin = new URL(link).origin
  page.on('pageerror', e => complaints.push(`script: ${e.stack}`))
  page.on('console', m => {
    if (m.type() === 'error' && !options.errors?.test(m.text())) complaints.push(`console: ${m.text()} ${m.location().url}`)
  })
  page.on('request', r => {
    if (!r.url().startsWith(origin) && !/^(blob|data):/.test(r.url())) complaints.push(`request to ${r.url()}`)
    const { pathname } = new URL(r.url())
    if (/^\/(api|metrics)/.test(pathname) && !api.some(a => a.like.test(pathname) && a.methods.includes(r.method())))
      complaints.push(`docs/api.yaml has no ${r.method()} ${pathname}`)
  })
  await page.goto(address)
  return page
}

try {
  await scenario({ browser, visit, link, modules }, ...args)
  if (complaints.length) throw new Error(complaints.join('\n'))
} catch (e) {
  for (const context of browser.contexts())
    for (const page of context.pages())
      console.log(`--- ${page.url()}\n${await page.evaluate(() => document.body.innerText).catch(() => '')}`)
  console.log(complaints.join('\n'))
  throw e
} finally {
  await browser.close()
}
