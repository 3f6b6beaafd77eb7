// guests.mjs - scenarios that need a Linux guest: a display, and files pushed into the guest.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import { open, shows, state, text, until } from './wait.mjs'

// Pixels of an 8-bit RGB PNG that is not interlaced, as QEMU writes them.
function pixels(file) {
  const b = readFileSync(file)
  const width = b.readUInt32BE(16), height = b.readUInt32BE(20)
  assert.deepEqual([b[24], b[25], b[28]], [8, 2, 0], 'an 8-bit RGB PNG')
  const parts = []
  for (let at = 8; at < b.length; at += 12 + b.readUInt32BE(at))
    if (b.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(b.subarray(at + 8, at + 8 + b.readUInt32BE(at)))
  const raw = inflateSync(Buffer.concat(parts))
  const line = width * 3
  const out = Buffer.alloc(line * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < line; x++) {
      const a = x >= 3 ? out[y * line + x - 3] : 0
      const up = y ? out[(y - 1) * line + x] : 0
      const c = y && x >= 3 ? out[(y - 1) * line + x - 3] : 0
      const p = a + up - c
      const near = [a, up, c].reduce((m, v) => Math.abs(p - v) < Math.abs(p - m) ? v : m)
      out[y * line + x] = raw[y * (line + 1) + 1 + x] + [0, a, up, (a + up) >> 1, near][raw[y * (line + 1)]]
    }
  return { width, height, out }
}

// The canvas of noVNC has the same pixels as vm screenshot, which SCREENSHOT runs each time.
export async function screen({ visit }, screenshot) {
  const { execFileSync } = await import('node:child_process')
  const page = await visit()
  await state(page, 'ready', 60)
  await open(page, 'Screen')
  const canvas = page.locator('#display canvas')
  await canvas.waitFor()
  let differs
  await until(async () => {
    execFileSync('sh', ['-c', screenshot])
    const png = pixels(process.env.SHOT)
    const drawn = await canvas.evaluate(c => {
      const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height)
      let text = ''
      for (let i = 0; i < data.length; i += 4) text += String.fromCharCode(data[i], data[i + 1], data[i + 2])
      return { width: c.width, height: c.height, text: btoa(text) }
    })
    const got = Buffer.from(drawn.text, 'base64')
    if (drawn.width !== png.width || drawn.height !== png.height) return void (differs = `${drawn.width}x${drawn.height}, not ${png.width}x${png.height}`)
    let n = 0
    for (let i = 0; i < got.length; i += 3) if (got[i] !== png.out[i] || got[i + 1] !== png.out[i + 1] || got[i + 2] !== png.out[i + 2]) n++
    const colours = new Set()
    for (let i = 0; i < got.length; i += 3) colours.add(got.readUIntBE(i, 3))
    differs = `${n} pixels differ; ${colours.size} colours`
    // A blinking cursor may be in only one of the two pictures.
    return n <= 8 * 16 * 2 && colours.size > 1
  }, () => differs, 20).catch(e => { throw new Error(`${e.message} ${differs}`) })

  await page.getByLabel('scaled').uncheck()
  await page.getByRole('button', { name: 'Clipboard' }).click()
  await page.getByRole('dialog').getByRole('textbox').fill('to the guest')
  await page.getByRole('button', { name: 'Send to the guest' }).click()
  // Keys go to the guest, except for Ctrl+], which leaves.
  await page.locator('#display').focus()
  await page.keyboard.press('Control+]')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'tab-screen')
  await page.getByRole('button', { name: 'Full screen' }).click()
  await until(() => page.evaluate(() => document.fullscreenElement?.id === 'display'), 'full screen')
}

// A file is dropped on the page and pulled again: the same bytes; a directory is a tar archive. FOLDER is
// chosen; BIG is cancelled on its way; for FILE there is no room in /mnt/small.
export async function files({ visit }, file, folder, big) {
  const page = await visit({ errors: /pull.*not-there|push.*small|\b409\b/ })
  await state(page, 'ready', 60)
  await open(page, 'Files')
  const bytes = readFileSync(file)
  const transfer = await page.evaluateHandle(text => {
    const t = new DataTransfer()
    const data = Uint8Array.from(atob(text), c => c.charCodeAt(0))
    t.items.add(new File([data], 'dropped file é.bin'))
    t.items.add(new File(['two\n'], `${'long-'.repeat(30)}name`))
    return t
  }, bytes.toString('base64'))
  const zone = page.locator('#drop')
  await zone.dispatchEvent('dragover', { dataTransfer: transfer })
  await zone.dispatchEvent('drop', { dataTransfer: transfer })
  await page.getByText(/^pushed, 2 files/).waitFor()

  const pull = async path => {
    const wait = page.waitForEvent('download')
    await page.getByLabel('File or directory').fill(path)
    await page.getByRole('button', { name: 'Pull' }).click()
    const download = await wait
    return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) }
  }
  const back = await pull('/root/dropped file é.bin')
  const sum = b => createHash('sha256').update(b).digest('hex')
  assert.equal(sum(back.bytes), sum(bytes))
  assert.match(back.name, /^dropped file .\.bin$/)
  assert.equal((await pull(`/root/${'long-'.repeat(30)}name`)).bytes.toString(), 'two\n')
  const tar = await pull('/root')
  assert.equal(tar.name, 'root.tar')
  assert.equal(tar.bytes.toString('latin1', 257, 262), 'ustar')

  await page.locator('#push-folder').setInputFiles(folder)
  await page.locator('.transfers li[data-tone=ok]').filter({ hasText: '2 files to /root' }).filter({ hasText: 'pushed' }).nth(1).waitFor()
  const tree = (await pull('/root/folder')).bytes.toString('latin1')
  for (const text of ['deep/', 'one in deep\n', 'two\n']) assert.ok(tree.includes(text), `${text} is not in the archive`)

  // Progress is seen before the end, and the transfer can be cancelled.
  const line = page.locator('.transfers li').first()
  await page.evaluate(() => {
    globalThis.progressed = []
    new MutationObserver(() => globalThis.progressed.push(document.querySelector('.transfers li:first-child .muted').textContent))
      .observe(document.querySelector('.transfers'), { subtree: true, childList: true, characterData: true })
  })
  await page.locator('#push-files').setInputFiles(big)
  await until(() => page.evaluate(() => globalThis.progressed.some(t => /^[\d.]+ [KM]iB of 100 MiB$/.test(t))), 'progress of the big file')
  await line.getByRole('button', { name: 'Cancel' }).click()
  await line.getByText('cancelled').waitFor()

  await page.getByLabel('To the directory').fill('/mnt/small')
  await page.locator('#push-files').setInputFiles(file)
  await line.filter({ hasText: /[Nn]o space/ }).waitFor()
  assert.equal(await line.getAttribute('data-tone'), 'bad')

  await page.getByLabel('File or directory').fill('/root/not-there')
  await page.getByRole('button', { name: 'Pull' }).click()
  await page.locator('.transfers [data-tone=bad]').getByText(/not-there/).first().waitFor()
}

// Text from the guest stays text, and its terminal queries are not answered by a page that is only watched, because
// an answer would be typed into the guest.
export async function hostile({ visit }) {
  const page = await visit()
  await shows(page, /HOSTILE-END/, 60)
  assert.equal(await page.evaluate(() => globalThis.owned), undefined)
  assert.equal(await page.locator('img[src="x"]').count(), 0)
  assert.doesNotMatch(await page.title(), /owned/)
  const { output } = await page.evaluate(async () => {
    const r = await fetch('api/v1/exec', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ command: 'echo still-$((40+2))', timeout: 20 }) })
    const texts = (await r.text()).split('\n').filter(l => l.startsWith('data: ')).map(l => JSON.parse(l.slice(6)).text ?? '')
    return { output: texts.join('') }
  })
  assert.match(output, /still-42/)
  assert.doesNotMatch((await text(page)).split('HOSTILE-END').at(-1), /\d+;\d+R|\?1;2c|>0;/)
}
