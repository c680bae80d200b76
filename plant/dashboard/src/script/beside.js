// Where the files and the interface of the server are: beside the script, under whatever prefix that is.

const beside = (path) => new URL(path, import.meta.url);
const NONE = "–"; // stands where there is no value
