// recipe list, show, check.
#pragma once

namespace pkgjail::cli {

class Environment;
int cmd_recipe(Environment&);

} // namespace pkgjail::cli
