// Pictures of pages for people, and of the canvas compared pixel by pixel; the browser under test
// decodes those.
import { expect, type Locator, type Page } from '@playwright/test';

const SCREENSHOTS = 'test-results';

/** A picture of each width and theme, beginning with `at`; nothing may be wider than its page. */
export async function look(page: Page, name: string, height = 800, at?: Locator): Promise<void> {
  const before = page.viewportSize() ?? { width: 1440, height: 900 };
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height });
    await at?.evaluate((it) => it.scrollIntoView());
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${SCREENSHOTS}/${name}-${width}-${colorScheme}.png` });
    }
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow, `${name} at ${width}`).toBe(0);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(before);
}

/** Share of the pixels, 0 to 1, that differ between two pictures of one size. */
export function changedShare(page: Page, before: Buffer, after: Buffer): Promise<number> {
  return page.evaluate(
    async ([before, after]) => {
      const decode = async (base64: string): Promise<Uint32Array> => {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
        const context = canvas.getContext('2d', { willReadFrequently: true });
        if (!context) throw new Error('no canvas');
        context.drawImage(bitmap, 0, 0);
        const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
        return new Uint32Array(data.buffer);
      };
      const [a, b] = await Promise.all([decode(before), decode(after)]);
      let changed = 0;
      a.forEach((pixel, index) => (changed += pixel === b[index] ? 0 : 1));
      return changed / a.length;
    },
    [before.toString('base64'), after.toString('base64')] as const,
  );
}
