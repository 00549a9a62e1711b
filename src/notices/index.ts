export { noticeText } from "./text.ts";
export { noticeTypes, type Notice, type Notices, type NoticeType } from "./notices.ts";
