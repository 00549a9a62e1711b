import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mustRun } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";
import { freePort } from "./redis.ts";

interface Credentials {
  readonly key: string;
  readonly secret: string;
}

/** Ceph's S3 gateway over one monitor and one object store in memory; what a bucket holds is gone with `stop()`. */
export interface Radosgw {
  readonly endpoint: string;
  readonly owner: Credentials;
  /** another user, with a quota such as `["--quota-scope", "bucket", "--max-objects", "20"]` */
  user(id: string, quota: readonly string[]): Promise<Credentials>;
  /** kill -9, of the gateway only */
  kill(): Promise<void>;
  /** the gateway again, on the same port */
  start(): Promise<void>;
  /** kills everything and removes its folder */
  stop(): Promise<void>;
}

const programs = ["ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "monmaptool", "ceph"];

/** Starts it on loopback; undefined, with a line on stderr, where its Debian packages are missing: 200 MB that nobody has to have. */
export async function startRadosgw(): Promise<Radosgw | undefined> {
  const missing = programs.filter((program) => !existsSync(join("/usr/bin", program)));
  if (missing.length > 0) {
    process.stderr.write(
      `skipped: no ${missing.join(", ")} here: apt-get install radosgw ceph-osd ceph-mon ceph-common\n`,
    );
    return undefined;
  }
  const folder = await tempFolder("radosgw");
  const place = (name: string) => join(folder.path, name);
  const [port, monitorPort] = [await freePort(), await freePort()];
  const fsid = crypto.randomUUID();
  await writeFile(place("ceph.conf"), configuration({ folder: folder.path, fsid, port, monitorPort })); // prettier-ignore
  for (const name of ["mon", "osd", "run"]) await mkdir(place(name));

  const ceph = (program: string, args: readonly string[]) =>
    mustRun(program, ["--conf", place("ceph.conf"), ...args]);
  const said: string[] = [];
  const serve = (program: string, args: readonly string[]): ChildProcess => {
    const child = spawn(program, ["-f", "--conf", place("ceph.conf"), ...args], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr.on("data", (chunk: Buffer) => said.push(`${program}: ${chunk.toString()}`));
    return child;
  };
  const children: ChildProcess[] = [];
  let gateway: ChildProcess | undefined;
  const admin = (...command: string[]) => ceph("radosgw-admin", command);
  const user = async (id: string): Promise<Credentials> => {
    const credentials = { key: `citadel${id}`, secret: `secret/of+${id}=` };
    await admin(
      ...["user", "create", "--uid", id, "--display-name", id],
      ...["--access-key", credentials.key, "--secret-key", credentials.secret],
    );
    return credentials;
  };
  const server: Omit<Radosgw, "owner"> = {
    endpoint: `http://127.0.0.1:${port}`,
    async user(id, quota) {
      const credentials = await user(id);
      await admin("quota", "set", "--uid", id, ...quota);
      await admin("quota", "enable", "--uid", id, ...quota.slice(0, 2));
      return credentials;
    },
    kill: () => killed(gateway),
    async start() {
      gateway = serve("radosgw", ["-n", "client.rgw"]);
      while (!(await listens(port))) {
        if (gateway.exitCode !== null) throw new Error(`radosgw ended: ${said.join("")}`);
        await sleep(20);
      }
    },
    async stop() {
      // what uses another goes before it
      for (const child of [gateway, ...children.toReversed()]) await killed(child);
      await folder.remove();
    },
  };
  try {
    const at = `[v2:127.0.0.1:${monitorPort}]`;
    await ceph("monmaptool", ["--create", "--fsid", fsid, "--addv", "a", at, place("monmap")]);
    await ceph("ceph-mon", ["--mkfs", "-i", "a", "--monmap", place("monmap")]);
    children.push(serve("ceph-mon", ["-i", "a"]));
    const osd = crypto.randomUUID();
    await ceph("ceph", ["osd", "new", osd]);
    await ceph("ceph-osd", ["-i", "0", "--mkfs", "--osd-uuid", osd]);
    children.push(serve("ceph-osd", ["-i", "0"]));
    await server.start();
    return { ...server, owner: await user("owner") };
  } catch (error) {
    await server.stop();
    throw new Error(`Ceph does not start: ${said.join("")}`, { cause: error });
  }
}

async function killed(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket
      .on("error", () => resolve(false))
      .on("connect", () => {
        socket.destroy();
        resolve(true);
      });
  });

/** Without authentication inside, without copies, without a manager, and as quick as it can be: for tests, never for data. */
const configuration = (at: {
  folder: string;
  fsid: string;
  port: number;
  monitorPort: number;
}): string => `[global]
fsid = ${at.fsid}
mon host = [v2:127.0.0.1:${at.monitorPort}/0]
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
# it never starts with the secure mode and no keys
ms mon client mode = crc
ms client mode = crc
ms bind ipv4 = true
ms bind ipv6 = false
public network = 127.0.0.0/8
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail warn = 1
mon data avail crit = 0
# a second for each step of making its pools otherwise
paxos propose interval = 0.05
paxos min wait = 0.01
run dir = ${at.folder}/run
pid file =
log file = /dev/null
mon cluster log file = /dev/null
admin socket = ${at.folder}/run/$name.asok
[mon.a]
host = localhost
mon data = ${at.folder}/mon
public addr = 127.0.0.1:${at.monitorPort}
[osd]
osd data = ${at.folder}/osd
osd objectstore = memstore
osd max object name len = 2048
memstore device bytes = 2147483648
[client.rgw]
# 44 ms for every GET without nodelay
rgw frontends = beast endpoint=127.0.0.1:${at.port} tcp_nodelay=1
rgw thread pool size = 64
rgw run sync thread = false
rgw dns name = localhost
# a gateway that was killed is waited for otherwise, for half a minute, whenever a bucket is made
# a gateway that was killed is waited for otherwise, for half a minute, whenever a bucket is made
rgw cache enabled = false
# what a user holds is asked for each time a quota is looked at
rgw bucket quota ttl = 0
`;
