type tree = Leaf | Node of tree * tree

let rec tree depth none =
  if depth = 0 then Node (none, none) else Node (tree (depth - 1) none, tree (depth - 1) none)

let rec count = function Leaf -> 0 | Node (left, right) -> 1 + count left + count right

let () =
  let depth = if Array.length Sys.argv > 1 then int_of_string Sys.argv.(1) else 20 in
  Printf.printf "stretch %d\n" (count (tree (depth + 1) Leaf));
  let kept = tree depth Leaf in
  let small = ref 4 in
  while !small <= depth do
    let rounds = 1 lsl (depth - !small + 4) in
    let total = ref 0 in
    for _ = 1 to rounds do
      total := !total + count (tree !small Leaf)
    done;
    Printf.printf "%d trees of depth %d: %d\n" rounds !small !total;
    small := !small + 2
  done;
  Printf.printf "kept %d\n" (count kept)
