import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadSettings, pluginSettings } from "@citadel/core/config";
import { openCitadel } from "@citadel/core/open";
import { takeCensus } from "../dist/census.js";
import { settings } from "../dist/settings.js";

const memory = fileURLToPath(import.meta.resolve("@citadel/driver-memory"));

test("an empty registry has no packages", async () => {
  const home = await mkdtemp(join(tmpdir(), "census-"));
  const dirs = { data: home, cache: home, config: home };
  const loaded = loadSettings({
    env: { CITADEL_STORE: "memory:", CITADEL_CACHE: "memory:" },
    cwd: home,
    dirs,
  });
  const citadel = await openCitadel({
    settings: loaded.settings,
    schemes: new Map([["memory", memory]]),
    dirs,
  });
  try {
    assert.deepEqual(await takeCensus(citadel.registry, 0), { packages: 0, items: [] });
  } finally {
    await citadel.close();
    await rm(home, { recursive: true });
  }
});

test("the setting comes from the environment, and is checked", () => {
  const none = loadSettings({
    env: {},
    cwd: tmpdir(),
    dirs: { data: "/x", cache: "/x", config: "/x" },
  });
  const least = (value) =>
    pluginSettings("census", settings, {
      loaded: none,
      env: { CITADEL_PLUGINS_CENSUS_LEAST: value },
      cwd: "/",
    }).least;
  assert.equal(least(undefined), 1);
  assert.equal(least("7"), 7);
  assert.throws(() => least("few"), { code: "E_CONFIG" });
});
