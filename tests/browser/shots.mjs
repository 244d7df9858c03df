// Pictures of pages, light and dark, named after the page.
import { join } from "node:path";
import { shade } from "./browser.mjs";

export async function shot({ screenshots }, page, name) {
  for (const value of ["light", "dark"]) {
    await shade(page, value);
    await page.screenshot({ path: join(screenshots, `${name}-${value}.png`), fullPage: true });
  }
}
