# Writes the index of a registry: `packages` packages of five versions below `root`. Each of the first `needed` needs up to
# five that come after it, within them; all others need some anywhere behind them. Archives there are none.
function pad(number) { return sprintf("pkg%05d", number) }
BEGIN {
    srand(1)
    hash = sprintf("%064d", 0)
    print "{\"schema\":\"coex-registry/1\"}" >(root "/config.json")
    for (i = 0; i < packages; i++) {
        name = pad(i)
        directory = root "/index/" substr(name, 1, 2) "/" substr(name, 3, 2)
        if (!(directory in made)) {
            system("mkdir -p " directory)
            made[directory] = 1
        }
        file = directory "/" name ".jsonl"
        last = i < needed ? needed : packages
        for (version = 0; version < 5; version++) {
            depends = ""
            # Every needed package but the twenty that are asked for has one that certainly needs it.
            for (j = 0; j < 5; j++) {
                other = j == 0 && i + 20 < last ? i + 20 : i + 1 + int(rand() * 40)
                if (other < last && index(depends, pad(other)) == 0)
                    depends = depends (depends == "" ? "" : ",") "\"" pad(other) "\":\"^1." int(rand() * 3) "\""
            }
            printf "{\"name\":\"%s\",\"version\":\"1.%d.0\",\"tree\":\"%s\",\"size\":1000,\"published\":%d,", \
                name, version, hash, 1600000000 + version * 1000000 >file
            printf "\"depends\":{%s},\"description\":\"Package number %d of many\"}\n", depends, i >file
        }
        close(file)
    }
}
