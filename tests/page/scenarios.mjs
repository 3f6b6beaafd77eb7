// scenarios.mjs - actions of a user on the page of the built-in guest.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { logIn, open, shows, state, text, type, until } from './wait.mjs'

// The browser's message about a guest without a display.
const NO_DISPLAY = /api\/v1\/display|Failed when connecting|\b409\b/

// The link logs in and leaves no token in the address; the prompt appears, a command is typed and its output read.
export async function prompt({ visit }) {
  const page = await visit()
  assert.doesNotMatch(page.url(), /token/)
  await state(page, 'ready')
  await logIn(page)
  await type(page, 'uname -a\n')
  await shows(page, /machsh# uname -a\n.*GNU Mach 1\.8.* x86_64/)
  assert.match(await page.locator('#why').textContent(), /login prompt on the serial console/)

  // Find, and copy what is selected.
  await page.keyboard.press('Control+Shift+F')
  await page.keyboard.type('GNU Mach 1.8')
  await until(async () => /^\d+ of \d+$/.test(await page.locator('.find [role=status]').textContent()), 'a number of matches')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+Shift+C')
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /GNU Mach 1\.8/)
  await page.evaluate(() => navigator.clipboard.writeText('echo pasted-here'))
  await page.getByRole('button', { name: 'Paste' }).click()
  await shows(page, /machsh# echo pasted-here/)
  await page.keyboard.press('Enter')
  await shows(page, /^pasted-here$/m)

  // The size: of the window, or as chosen.
  const cols = () => page.evaluate(() => globalThis.vmTerminal.cols)
  const before = await cols()
  await page.setViewportSize({ width: 900, height: 900 })
  await until(async () => await cols() !== before, 'another width of the terminal')
  await page.locator('#size').selectOption('80×24')
  assert.deepEqual(await page.evaluate(() => [globalThis.vmTerminal.cols, globalThis.vmTerminal.rows]), [80, 24])
}

export async function token({ visit, link }) {
  const origin = new URL(link).origin
  const wrong = await visit({ errors: /401/ }, `${origin}/?token=0000000000000000`)
  await wrong.getByRole('alert').getByText('from an earlier start').waitFor()
  // The whole link may be pasted.
  await wrong.getByLabel('Token').fill(link)
  await wrong.getByRole('button', { name: 'Log in' }).click()
  await state(wrong, 'ready')
  const none = await visit({ errors: /401/ }, `${origin}/`)
  await none.getByRole('button', { name: 'Log in' }).waitFor()
  assert.equal(await none.evaluate(() => fetch('api/v1/status').then(r => r.status)), 401)
}

// Two browsers: both see all; the read-only one types nothing.
export async function several({ visit }) {
  const [one, two] = [await visit(), await visit()]
  await logIn(one)
  await shows(two, /machsh# *$/m)
  await type(two, 'echo from-two\n')
  await shows(one, /^from-two$/m)
  await until(async () => /^2 clients/.test(await one.locator('.console .tools').first().textContent().then(t => t.match(/\d clients.*/)?.[0] ?? '')), 'the number of clients')
  await two.getByLabel('read-only').first().check()
  await shows(two, /^from-two$/m) // the scrollback, again
  await type(two, 'echo never\n')
  await type(one, 'echo from-one\n')
  await shows(two, /^from-one$/m)
  assert.doesNotMatch(await text(one), /never/)
}

// Paused before its first instruction, the guest is let go from the page, and every phase is seen to come.
export async function boot({ visit }) {
  const page = await visit()
  await state(page, 'paused')
  const seen = page.evaluate(() => new Promise(done => {
    const list = []
    const look = () => {
      const names = [...document.querySelectorAll('#facts tbody th')].map(e => e.textContent).join(' ')
      if (list.at(-1) !== names) list.push(names)
      if (document.getElementById('state').textContent === 'ready') done(list)
    }
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true })
  }))
  await page.getByRole('button', { name: 'Continue' }).click()
  await state(page, 'ready')
  const list = await seen
  assert.ok(list.length > 1, `the phases came all at once: ${list}`)
  for (const phase of ['firmware', 'first byte', 'kernel', 'login'])
    await page.locator('#facts tbody').getByText(phase, { exact: true }).waitFor()
  assert.match(await page.locator('#boot-text').textContent(), /^Ready after [\d.]+ m?s\.$/)
  assert.match(await page.locator('#boot-eta').textContent(), /Usually .* \(the previous boot\)/)
  assert.ok(await page.locator('#boot-bar .lane:not(.ghost) .segment').count() >= 5)
  assert.ok(await page.locator('#boot-bar .ghost .segment').count() >= 2)
  assert.match(await page.locator('#log').textContent(), /vm: ready: login prompt/)
}

export async function stop({ visit }) {
  const page = await visit({ errors: /ERR_|WebSocket|Failed to load/ })
  await state(page, 'ready')
  await page.getByRole('button', { name: 'Stop', exact: true }).click()
  const dialog = page.getByRole('dialog')
  assert.match(await dialog.textContent(), /Asks the guest to shut down/)
  await dialog.getByRole('button', { name: 'Stop' }).click()
  await until(async () => /ended|no connection/.test(await page.locator('#state').textContent()), 'the end')
  await until(async () => /exit status 0|is lost/.test(await page.locator('#why').textContent()), 'the exit status')
}

// All by keyboard: skip link, tabs by arrows, the console and out of it, a dialog and its Escape.
export async function keyboard({ visit }) {
  const page = await visit({ errors: NO_DISPLAY })
  await state(page, 'ready')
  const focus = () => page.evaluate(() => `${document.activeElement.id} ${document.activeElement.textContent.slice(0, 20)}`)
  await page.keyboard.press('Tab')
  assert.match(await focus(), /Skip to the console/)
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  assert.match(await focus(), /^tab-console/)
  for (const tab of ['screen', 'files', 'snapshots', 'profiles', 'monitor', 'console']) {
    await page.keyboard.press('ArrowRight')
    assert.match(await focus(), new RegExp(`^tab-${tab}`))
    assert.ok(await page.locator(`#panel-${tab}`).isVisible())
  }
  await shows(page, /machsh login: *$/m)
  for (let i = 0; i < 20 && !await page.evaluate(() => document.activeElement.matches('.xterm-helper-textarea')); i++) await page.keyboard.press('Tab')
  await page.keyboard.type('root\n')
  await shows(page, /machsh# *$/m)
  await page.keyboard.press('Control+]')
  assert.match(await focus(), /^tab-console/)
  for (let i = 0; i < 20 && !/^ *Stop/.test(await focus()); i++) await page.keyboard.press('Shift+Tab')
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  assert.match(await focus(), /Cancel/)
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  assert.match(await focus(), /^ *Stop/)
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.getByText('Cuts the guest’s power').waitFor()
  await page.keyboard.press('Escape')
  assert.match(await focus(), /More/)
}

// axe-core finds nothing, in any tab, light, dark and on a phone; the page does not jump; nothing is wider
// than a phone.
export async function axe({ visit, modules, link }) {
  const source = readFileSync(join(dirname(modules), 'axe-core/axe.min.js'), 'utf8')
  for (const options of [{ colorScheme: 'light' }, { colorScheme: 'dark' }, { colorScheme: 'light', viewport: { width: 390, height: 844 }, hasTouch: true }]) {
    const page = await visit({ ...options, reducedMotion: 'reduce', errors: NO_DISPLAY })
    await page.evaluate(() => {
      globalThis.jumps = 0
      new PerformanceObserver(l => l.getEntries().forEach(e => { if (!e.hadRecentInput) globalThis.jumps += e.value, globalThis.jumped = [...globalThis.jumped ?? [], ...e.sources.map(s => s.node?.id || s.node?.className || s.node?.nodeName)] })).observe({ type: 'layout-shift', buffered: true })
    })
    await state(page, 'ready')
    await shows(page, /machsh/)
    await page.evaluate(source)
    const jumps = await page.evaluate(() => globalThis.jumps)
    assert.ok(jumps < 0.02, `the page jumped by ${jumps}: ${await page.evaluate(() => globalThis.jumped)}`)
    for (const tab of ['Console', 'Screen', 'Files', 'Snapshots', 'Profiles', 'Monitor']) {
      await open(page, tab)
      await axeFinds(page, `${JSON.stringify(options)} ${tab}`)
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      assert.ok(wide <= 0, `${tab} is ${wide} pixels wider than the window`)
      if (tab === 'Snapshots') {
        const { x, width } = await page.getByRole('button', { name: 'Delete one' }).boundingBox()
        assert.ok(x + width <= page.viewportSize().width, 'the button that deletes a snapshot is outside the window')
      }
    }
    await page.getByRole('button', { name: 'Open the monitor' }).click()
    await axeFinds(page, 'monitor')
    await page.getByRole('button', { name: 'Reset' }).click()
    await axeFinds(page, 'dialog')
    await page.keyboard.press('Escape')
    await page.locator('.menu summary').click()
    await axeFinds(page, 'menu')
  }
  const login = await visit({ errors: /401/ }, new URL(link).origin)
  await login.evaluate(source)
  await axeFinds(login, 'login')
}

async function axeFinds(page, where) {
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  assert.deepEqual(violations.map(v => `${v.id}: ${v.help}: ${v.nodes.map(n => n.html.slice(0, 200)).slice(0, 3).join(' | ')}`), [], where)
}

// The monitor behind its warning; snapshots; pausing; a screenshot; a profile, its report and a comparison.
export async function tools({ visit }) {
  const page = await visit()
  await state(page, 'ready')
  await open(page, 'Monitor')
  assert.equal(await page.locator('#monitor-command').count(), 0)
  await page.getByRole('button', { name: 'Open the monitor' }).click()
  await page.keyboard.type('info status\n')
  await page.getByText('VM status: running').waitFor()

  await page.getByRole('button', { name: 'Pause' }).click()
  await state(page, 'paused')
  await page.getByRole('button', { name: 'Continue' }).click()
  await state(page, 'ready')

  await open(page, 'Snapshots')
  await page.getByLabel('Save a snapshot named').fill('first')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('row', { name: /^first 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC [\d.]+ MiB \d+ s/ }).waitFor()
  await page.getByRole('button', { name: 'Load first' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Load' }).click()
  await page.getByText('Snapshot first loaded.').waitFor()
  await page.getByRole('button', { name: 'Delete first' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByText('There are no snapshots.').waitFor()

  await page.locator('.menu summary').click()
  await page.getByRole('button', { name: 'Screenshot' }).click()
  const shot = page.locator('.shot')
  await until(() => shot.evaluate(i => i.complete && i.naturalWidth >= 320), 'the picture')
  await page.keyboard.press('Escape')
}

export async function profiles({ visit }) {
  const page = await visit()
  await state(page, 'ready')
  await open(page, 'Profiles')
  for (const n of [1, 2]) {
    await page.getByLabel('Samples per cell').fill('2')
    await page.getByLabel('Warm-ups').fill('0')
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await until(async () => /\d of 2 boots/.test(await page.locator('.running').textContent()), 'progress', 30)
    await until(async () => await page.getByRole('button', { name: /^Show / }).count() === n, `${n} reports`, 60)
    await until(async () => await page.locator('.report h3').count() === 1, 'the report', 60)
    await until(async () => await page.locator('.running').getAttribute('data-tone') === 'ok', 'the end', 60)
  }
  const report = page.locator('.report')
  await report.getByRole('rowheader', { name: 'cpu_1', exact: true }).waitFor()
  await until(() => report.locator('img').first().evaluate(i => { i.scrollIntoView(); return i.complete && i.naturalWidth > 100 }), 'timeline.svg')
  for (const box of await page.getByRole('checkbox', { name: /^Compare / }).all()) await box.check()
  await page.getByRole('button', { name: 'Compare the two' }).click()
  await report.getByText(/no difference shown|faster|slower/).first().waitFor()
}
